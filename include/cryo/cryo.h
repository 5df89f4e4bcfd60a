#pragma once

/// Everything of cryo's core. Single headers can be included as well; each stands on its own.

#include <cryo/auth.h>
#include <cryo/bytes.h>
#include <cryo/connection.h>
#include <cryo/connection_group.h>
#include <cryo/error.h>
#include <cryo/extension.h>
#include <cryo/http.h>
#include <cryo/logging.h>
#include <cryo/loop.h>
#include <cryo/options.h>
#include <cryo/result.h>
#include <cryo/server.h>
#include <cryo/session.h>
#include <cryo/session_id.h>
#include <cryo/unique_function.h>
#include <cryo/version.h>
#include <cryo/worker_pool.h>
