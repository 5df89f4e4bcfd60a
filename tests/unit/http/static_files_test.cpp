#include "http/static_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace cryo::http {
namespace {

namespace fs = std::filesystem;

/// A folder `root` with files, beside a file that must never be served.
class StaticFilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "cryo-files-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        base_ = name;
        fs::create_directories(root() / "sub" / "empty");
        write("root/index.html", "<p>home</p>");
        write("root/app.js", "let a;");
        write("root/a b.TXT", "blank");
        write("root/noextension", "?");
        write("root/.hidden", "hidden");
        write("root/sub/index.html", "<p>sub</p>");
        write("outside.txt", "secret");
        write("root-sibling.txt", "secret");
    }
    void TearDown() override { fs::remove_all(base_); }

    fs::path root() const { return base_ / "root"; }

    void write(const std::string& name, std::string_view content) const {
        std::ofstream(base_ / name, std::ios::binary) << content;
    }

    HttpResponse serve(std::string_view path, std::string_view if_none_match = {}, std::size_t max_bytes = 1000) const {
        auto files = StaticFiles::open(root().string(), max_bytes);
        EXPECT_TRUE(files);
        return files->serve(path, if_none_match);
    }

    static std::string header(const HttpResponse& response, std::string_view name) {
        for (const auto& header : response.headers) {
            if (header.name == name) return header.value;
        }
        return {};
    }

    fs::path base_{};
};

TEST_F(StaticFilesTest, ServesFilesWithTheirTypes) {
    const auto script = serve("app.js");
    EXPECT_EQ(script.status, 200);
    EXPECT_EQ(script.body, "let a;");
    EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
    EXPECT_EQ(header(script, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(serve("a%20b.TXT").body, "blank");
    EXPECT_EQ(serve("a%20b.TXT").content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(serve("noextension").content_type, "application/octet-stream");
}

TEST_F(StaticFilesTest, ServesTheIndexOfFolders) {
    EXPECT_EQ(serve("").body, "<p>home</p>");
    EXPECT_EQ(serve("").content_type, "text/html; charset=utf-8");
    EXPECT_EQ(serve("sub/").body, "<p>sub</p>");
    EXPECT_EQ(serve("sub/empty/").status, 404);
}

TEST_F(StaticFilesTest, RedirectsToTheUrlOfAFolder) {
    const auto response = serve("sub");
    EXPECT_EQ(response.status, 301);
    EXPECT_EQ(header(response, "Location"), "./sub/");
    EXPECT_EQ(header(serve("sub/empty"), "Location"), "./empty/");
}

TEST_F(StaticFilesTest, HidesWhatIsNoPlainFileBelowTheFolder) {
    ASSERT_EQ(::mkfifo((root() / "fifo").c_str(), 0600), 0);
    for (const auto* path :
         {"absent", "app.js/", "app.js/x", ".hidden", "../outside.txt", "..%2foutside.txt", "%2e%2e/outside.txt",
          "sub/../../outside.txt", "../root-sibling.txt", "..\\outside.txt", "/etc/passwd", "%2fetc%2fpasswd",
          "app.js%00", "app.js%00.html", "sub//index.html", "./app.js", "fifo", "%zz"}) {
        const auto response = serve(path);
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_EQ(response.body, "not found\n") << path;
    }
}

TEST_F(StaticFilesTest, FollowsNoSymbolicLinks) {
    fs::create_symlink(base_ / "outside.txt", root() / "file-link.txt");
    fs::create_symlink("../outside.txt", root() / "relative-link.txt");
    fs::create_directory_symlink(base_, root() / "folder-link");
    fs::create_directory_symlink("..", root() / "parent-link");
    for (const auto* path : {"file-link.txt", "relative-link.txt", "folder-link", "folder-link/",
                             "folder-link/outside.txt", "parent-link/outside.txt"}) {
        EXPECT_EQ(serve(path).status, 404) << path;
    }
}

TEST_F(StaticFilesTest, MayItselfBeReachedThroughALink) {
    fs::create_directory_symlink(root(), base_ / "link");
    auto files = StaticFiles::open((base_ / "link").string());
    ASSERT_TRUE(files);
    EXPECT_EQ(files->serve("app.js", "").status, 200);
}

TEST_F(StaticFilesTest, RefusesFilesOverTheLimit) {
    EXPECT_EQ(serve("app.js", "", 6).status, 200);
    EXPECT_EQ(serve("app.js", "", 5).status, 404);
}

TEST_F(StaticFilesTest, AnswersNotModifiedToKnownTags) {
    const auto tag = header(serve("app.js"), "ETag");
    ASSERT_GT(tag.size(), 2U);
    for (const auto& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
        const auto response = serve("app.js", known);
        EXPECT_EQ(response.status, 304) << known;
        EXPECT_EQ(response.body, "");
        EXPECT_EQ(header(response, "ETag"), tag);
    }
    EXPECT_EQ(serve("app.js", "\"other\"").status, 200);
    write("root/app.js", "let changed;");
    EXPECT_EQ(serve("app.js", tag).status, 200);
}

TEST_F(StaticFilesTest, NamesTheFolderThatCannotBeOpened) {
    for (const auto& folder : {base_ / "absent", base_ / "outside.txt"}) {
        const auto files = StaticFiles::open(folder.string());
        ASSERT_FALSE(files);
        EXPECT_NE(files.error().message.find(folder.string()), std::string::npos);
    }
}

TEST(MediaType, IsFoundByTheLastExtensionInAnyCase) {
    EXPECT_EQ(media_type_of("a.html.PNG"), "image/png");
    EXPECT_EQ(media_type_of("page.html"), "text/html; charset=utf-8");
    EXPECT_EQ(media_type_of("html"), "application/octet-stream");
    EXPECT_EQ(media_type_of("a."), "application/octet-stream");
}

}  // namespace
}  // namespace cryo::http
