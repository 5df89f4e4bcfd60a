#pragma once

#include <string_view>

#include "generator/load_options.h"
#include "generator/report.h"

namespace load {

/// Loads the server and says what came out of it. Throws what a person has to know.
using Scenario = void (*)(const LoadOptions& options, Report& report);

void run_accept(const LoadOptions& options, Report& report);
void run_broadcast(const LoadOptions& options, Report& report);
void run_echo(const LoadOptions& options, Report& report);
void run_idle(const LoadOptions& options, Report& report);
void run_rate(const LoadOptions& options, Report& report);

/// Null: there is none of this name.
Scenario find_scenario(std::string_view name);

}  // namespace load
