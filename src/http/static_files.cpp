#include "http/static_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/chars.h"
#include "http/uri.h"

namespace cryo::http {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kMediaTypes{{
    {"css", "text/css; charset=utf-8"},
    {"gif", "image/gif"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
}};

/// Opens one name below a folder. O_NOFOLLOW: step by step, no symbolic link can lead out of the root.
/// O_NONBLOCK: a FIFO must not block the loop.
FileDescriptor open_below(int folder, const std::string& name) {
    return FileDescriptor(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

FileDescriptor open_path(int root, const std::vector<std::string>& segments) {
    FileDescriptor current(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (const auto& segment : segments) {
        if (!current) break;
        current = open_below(current.get(), segment);
    }
    return current;
}

std::string entity_tag(const struct stat& status) {
    return '"' + std::to_string(status.st_mtim.tv_sec) + '-' + std::to_string(status.st_mtim.tv_nsec) + '-' +
           std::to_string(status.st_size) + '"';
}

/// Weak comparison, as for GET (RFC 9110 13.1.2).
bool names_tag(std::string_view if_none_match, std::string_view tag) {
    return if_none_match == "*" || list_contains(if_none_match, tag) ||
           list_contains(if_none_match, std::string("W/").append(tag));
}

std::optional<std::string> read_all(int fd, std::size_t size) {
    std::string content(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const auto count = ::read(fd, content.data() + filled, size - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return std::nullopt;
        if (count == 0) break;  // shortened meanwhile
        filled += static_cast<std::size_t>(count);
    }
    content.resize(filled);
    return content;
}

/// Sends the browser to the folder's own URL, so that relative links in its index work. `./` keeps a name that looks
/// like a scheme or host from being taken for one.
HttpResponse redirect_into_folder(std::string_view path) {
    const auto name = path.substr(path.rfind('/') + 1);
    auto response = HttpResponse::text(301, "moved permanently\n");
    response.headers.push_back({"Location", "./" + std::string(name) + '/'});
    return response;
}

}  // namespace

Result<StaticFiles> StaticFiles::open(const std::string& folder, std::size_t max_file_bytes) {
    FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        const std::error_code reason(errno, std::generic_category());
        return Error{Errc::invalid_argument, "cannot open folder '" + folder + "': " + reason.message()};
    }
    return StaticFiles(std::move(fd), max_file_bytes);
}

HttpResponse StaticFiles::serve(std::string_view path, std::string_view if_none_match) const {
    auto wanted = parse_file_path(path);
    if (!wanted) return HttpResponse::not_found();
    if (wanted->is_directory) wanted->segments.emplace_back("index.html");

    const auto file = open_path(folder_.get(), wanted->segments);
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return HttpResponse::not_found();
    if (S_ISDIR(status.st_mode) && !wanted->is_directory) return redirect_into_folder(path);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || size > max_file_bytes_) return HttpResponse::not_found();

    HttpResponse response;
    response.content_type = media_type_of(wanted->segments.back());
    const auto tag = entity_tag(status);
    response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}};
    if (names_tag(if_none_match, tag)) {
        response.status = 304;
        return response;
    }
    auto content = read_all(file.get(), size);
    if (!content) return HttpResponse::text(500, "cannot read the file\n");
    response.body = std::move(*content);
    return response;
}

std::string_view media_type_of(std::string_view file_name) noexcept {
    const std::size_t dot = file_name.rfind('.');
    const auto extension = dot == std::string_view::npos ? std::string_view() : file_name.substr(dot + 1);
    const auto found = std::find_if(kMediaTypes.begin(), kMediaTypes.end(),
                                    [&](const auto& entry) { return equals_ignoring_case(entry.first, extension); });
    return found == kMediaTypes.end() ? "application/octet-stream" : found->second;
}

}  // namespace cryo::http
