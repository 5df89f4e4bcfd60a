#include <csignal>
#include <exception>
#include <iostream>
#include <utility>

#include "generator/load_options.h"
#include "generator/report.h"
#include "generator/scenario.h"

namespace load {

Scenario find_scenario(std::string_view name) {
    constexpr std::pair<std::string_view, Scenario> kScenarios[] = {{"accept", run_accept},
                                                                    {"broadcast", run_broadcast},
                                                                    {"echo", run_echo},
                                                                    {"idle", run_idle},
                                                                    {"rate", run_rate}};
    for (const auto& [known, scenario] : kScenarios) {
        if (known == name) return scenario;
    }
    return nullptr;
}

}  // namespace load

int main(int argc, char** argv) {
    load::LoadOptions options;
    if (const auto exit_code = load::parse_options(argc, argv, options)) return *exit_code;
    // OpenSSL writes to sockets that the server may have reset.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        load::Report report;
        report.add("scenario", options.scenario);
        report.add("protocol", options.protocol_name);
        report.add("tls", options.tls);
        report.add("connections", options.connections);
        report.add("bytes", options.bytes);
        load::find_scenario(options.scenario)(options, report);
        std::cout << report.line() << std::endl;
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "cryo-load: " << error.what() << '\n';
        return 1;
    }
}
