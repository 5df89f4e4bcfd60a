#pragma once

/// Marks what the shared library exports; all else is hidden. The build defines CRYO_STATIC_DEFINE for the static one.
#ifdef CRYO_STATIC_DEFINE
#define CRYO_API
#else
#define CRYO_API __attribute__((visibility("default")))
#endif
