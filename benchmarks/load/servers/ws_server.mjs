// The npm package ws on Node.js, as its README shows it. The package is the one that the tests install.
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { WebSocketServer, WebSocket } = createRequire(new URL('../../../tests/interop/package.json', import.meta.url))('ws');
const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });

const receivers = new Set();
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(values.port), backlog: 4096, perMessageDeflate: false });

server.on('connection', (socket, request) => {
    socket.on('error', () => {}); // the close that follows is enough
    if (request.url !== '/broadcast') {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
        return;
    }
    receivers.add(socket);
    socket.on('close', () => receivers.delete(socket));
    socket.on('message', (data, isBinary) => {
        for (const receiver of receivers) {
            if (receiver.readyState === WebSocket.OPEN) receiver.send(data, { binary: isBinary });
        }
    });
});
server.on('listening', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
