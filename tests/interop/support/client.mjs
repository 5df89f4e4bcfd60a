// The JavaScript client, with the `ws` package's WebSocket: Node.js has its own only since version 22.
import WebSocket from 'ws';

import * as client from '../../../examples/chat/web/cryo-client.js';

export const { Cale, CloseCode, CryoError, FrameType, decodeFrame, encodeFrame, parseSessionId } = client;
export { WebSocket };

export const connect = (url, options) => client.connect(url, { WebSocket, ...options });
