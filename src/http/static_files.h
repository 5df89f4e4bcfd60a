#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <cryo/http.h>
#include <cryo/result.h>

#include "http/file_descriptor.h"

namespace cryo::http {

/// Answers GET and HEAD with the files below one folder: demo pages, scripts, small assets.
///
/// Files are read whole and blocking on the calling thread, which is acceptable for small files in the page cache; put
/// anything bigger behind a web server. Symbolic links below the folder are not followed, names that start with a dot
/// are not served, and folders answer with their index.html.
///
/// Thread safety: `serve` may run on several threads at once.
class StaticFiles {
public:
    static constexpr std::size_t kDefaultMaxFileBytes = 16 * 1024 * 1024;

    /// Fails when the folder cannot be opened. Files over `max_file_bytes` are answered with 404.
    static Result<StaticFiles> open(const std::string& folder, std::size_t max_file_bytes = kDefaultMaxFileBytes);

    /// `path` is percent-encoded and relative to the folder, as a `*` route captures it; `if_none_match` is the value
    /// of that request header.
    HttpResponse serve(std::string_view path, std::string_view if_none_match) const;

private:
    StaticFiles(FileDescriptor folder, std::size_t max_file_bytes) noexcept
        : folder_(std::move(folder)), max_file_bytes_(max_file_bytes) {}

    FileDescriptor folder_;
    std::size_t max_file_bytes_;
};

/// The media type that a file name's extension stands for.
std::string_view media_type_of(std::string_view file_name) noexcept;

}  // namespace cryo::http
