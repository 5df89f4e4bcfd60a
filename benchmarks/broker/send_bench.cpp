// Requests to /send a second, by callers that each wait for their answers, and the messages they become.
//
//   broker_send_bench [seconds] [callers] [channel members]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "integration/broker/deployment.h"

namespace {

using namespace cryo::test;
using Clock = std::chrono::steady_clock;

struct Settings {
    std::chrono::seconds length{5};
    int callers = 8;
    int members = 10;
};

/// Reads what it is sent until the connection ends.
class Reader {
public:
    Reader(Deployment& deployment, const std::string& channel)
        : client_(deployment.join("user=" + channel + "&channels=" + channel)), thread_([this] {
              char bytes[65536];
              while (::recv(client_.socket().fd(), bytes, sizeof bytes, 0) > 0) {
              }
          }) {}
    ~Reader() {
        ::shutdown(client_.socket().fd(), SHUT_RDWR);
        thread_.join();
    }

private:
    BrokerClient client_;
    std::thread thread_;
};

/// @returns requests a second
double measure(Deployment& deployment, const Settings& settings, const std::string& target) {
    const std::string body(64, 'x');
    const auto request = "POST /send?type=text&token=a+token&" + target +
                         " HTTP/1.1\r\nHost: bench\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                         body;
    std::atomic<std::size_t> answered = 0;
    std::atomic<bool> failed = false;
    const auto began = Clock::now();
    std::vector<std::thread> callers;
    for (int i = 0; i < settings.callers; ++i) {
        callers.emplace_back([&] {
            HttpClient http(deployment.api().port());
            while (Clock::now() - began < settings.length && !failed) {
                const auto answer = http.ask(request);
                if (!answer || answer->status != 200) failed = true;
                ++answered;
            }
        });
    }
    for (auto& caller : callers) caller.join();
    const std::chrono::duration<double> took = Clock::now() - began;
    return failed ? -1 : static_cast<double>(answered) / took.count();
}

int number(int argc, char** argv, int index, int otherwise) {
    return argc > index ? std::max(1, std::atoi(argv[index])) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    const Settings settings{std::chrono::seconds(number(argc, argv, 1, 5)), number(argc, argv, 2, 8),
                            number(argc, argv, 3, 10)};
    std::printf("%-10s %-8s %14s %14s\n", "deployment", "target", "requests/s", "messages/s");
    bool passed = true;
    for (const auto kind : {Deployment::Kind::memory, Deployment::Kind::redis, Deployment::Kind::direct}) {
        Deployment deployment(kind);
        std::vector<std::unique_ptr<Reader>> readers;
        for (int i = 0; i < settings.members; ++i) readers.push_back(std::make_unique<Reader>(deployment, "many"));
        const Reader one(deployment, "one");
        for (const auto& [name, target, receivers] :
             {std::tuple{"nobody", "user=nobody", 0}, std::tuple{"user", "user=one", 1},
              std::tuple{"channel", "channel=many", settings.members}}) {
            const double rate = measure(deployment, settings, target);
            passed = passed && rate > 0;
            std::printf("%-10s %-8s %14.0f %14.0f\n", to_string(kind).c_str(), name, rate, rate * receivers);
        }
    }
    return passed ? 0 : 1;
}
