#pragma once

namespace cryo {

class Connection;
class Endpoint;
class HttpReply;
class IExtension;
class ILogger;
class ITokenValidator;
class Message;
class PreparedMessage;
class Server;
class Session;
class WorkerPool;
struct Error;
struct HttpRequest;
struct HttpResponse;
struct ServerOptions;
struct SessionId;

}  // namespace cryo
