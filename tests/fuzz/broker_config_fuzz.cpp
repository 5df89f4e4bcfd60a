// Configuration files in every format (the first byte says which), Go durations, times and UTF-8.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config_file.h"
#include "duration.h"
#include "time_text.h"
#include "utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cryo::broker;
    if (size == 0) return 0;
    const std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
    const auto endings = config_endings();
    const auto values = parse_config(endings[data[0] % endings.size()], content);
    if (!values && values.error().message.empty()) std::abort();
    (void)parse_duration(content);
    (void)is_utf8(content);
    // What is written of a time reads as that time.
    if (const auto time = parse_time(content)) {
        const auto written = format_time(*time);
        if (written.size() == 20 && parse_time(written) != time) std::abort();
    }
    return 0;
}
