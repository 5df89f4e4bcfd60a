#include "generator/report.h"

#include <cstdio>

namespace load {

void Report::add(std::string_view key, double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f", value);
    append(key, text);
}

void Report::append(std::string_view key, const std::string& json) {
    if (!members_.empty()) members_ += ',';
    members_ += '"';
    members_ += key;
    members_ += "\":";
    members_ += json;
}

}  // namespace load
