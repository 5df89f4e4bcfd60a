#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/http_client.h"
#include "support/test_server.h"

namespace cryo::test {
namespace {

/// root/ is served under /static; secret lies beside it.
class HttpFiles : public ::testing::Test {
protected:
    HttpFiles() {
        std::string pattern = std::filesystem::temp_directory_path() / "cryo-files-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
        folder_ = pattern;
        std::filesystem::create_directories(folder_ / "root/sub");
        write("secret", "SECRET");
        write("root/index.html", "<p>index</p>");
        write("root/app.mjs", "export {}");
        write("root/a b.css", "p {}");
        write("root/sub/index.html", "sub");
        write("root/data", "bytes");
        write("root/.hidden", "SECRET");
        write("root/big.json", std::string(8u << 20, '1'));
        std::filesystem::create_symlink("../secret", folder_ / "root/link");
        std::filesystem::create_directory_symlink("..", folder_ / "root/up");
        auto mounted = server_->files("/static", folder_ / "root");
        if (!mounted) throw std::runtime_error(mounted.error().message);
        server_.start();
    }
    ~HttpFiles() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, const std::string& content) {
        std::ofstream(folder_ / name, std::ios::binary) << content;
    }

    std::filesystem::path folder_;
    TestServer server_;
};

TEST_F(HttpFiles, ServesFilesWithTheirTypes) {
    HttpClient client(server_.port());
    const std::tuple<std::string, std::string, std::string> cases[] = {
        {"/static/", "<p>index</p>", "text/html; charset=utf-8"},
        {"/static/index.html", "<p>index</p>", "text/html; charset=utf-8"},
        {"/static/app.mjs", "export {}", "text/javascript; charset=utf-8"},
        {"/static/a%20b.css", "p {}", "text/css; charset=utf-8"},
        {"/static/sub/", "sub", "text/html; charset=utf-8"},
        {"/static/data", "bytes", "application/octet-stream"},
    };
    for (const auto& [target, body, type] : cases) {
        const auto answer = client.get(target);
        ASSERT_TRUE(answer) << target;
        EXPECT_EQ(answer->status, 200) << target;
        EXPECT_EQ(answer->body, body) << target;
        EXPECT_EQ(answer->header("Content-Type"), type) << target;
        EXPECT_EQ(answer->header("X-Content-Type-Options"), "nosniff") << target;
    }
    const auto head = client.ask("HEAD /static/data HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_EQ(head->header("Content-Length"), "5");
    EXPECT_EQ(client.get("/static/sub")->status, 301);
    EXPECT_EQ(client.get("/static/none")->status, 404);
}

TEST_F(HttpFiles, AnswersThatNothingHasChanged) {
    HttpClient client(server_.port());
    const auto tag = client.get("/static/data")->header("ETag");
    ASSERT_NE(tag, "");
    const auto answer = client.get("/static/data", "If-None-Match: " + tag + "\r\n");
    EXPECT_EQ(answer->status, 304);
    EXPECT_EQ(client.get("/static/data", "If-None-Match: \"other\"\r\n")->body, "bytes");
    write("data", "");
    write("root/data", "longer bytes");
    EXPECT_EQ(client.get("/static/data", "If-None-Match: " + tag + "\r\n")->body, "longer bytes");
}

TEST_F(HttpFiles, NoPathLeadsOutOfTheFolder) {
    for (const std::string target : {"/static/../secret",
                                     "/static/%2e%2e/secret",
                                     "/static/..%2fsecret",
                                     "/static/%2e%2e%2fsecret",
                                     "/static/sub/../../secret",
                                     "/static/sub/..%2f..%2fsecret",
                                     "/static/..\\secret",
                                     "/static/..%5csecret",
                                     "/static/link",
                                     "/static/up/secret",
                                     "/static/up/",
                                     "/static/.hidden",
                                     "/static/./.hidden",
                                     "/static/%2ehidden",
                                     "/static/%00",
                                     "/static/secret%00.html",
                                     "/static//etc/passwd",
                                     "/static/%2fetc/passwd",
                                     "/static/index.html/",
                                     "/static/index.html/x",
                                     "/static/%252e%252e/secret",
                                     "/statics/data",
                                     "/../secret",
                                     "//secret"}) {
        HttpClient client(server_.port());
        const auto answer = client.get(target);
        ASSERT_TRUE(answer) << target;
        EXPECT_TRUE(answer->status == 404 || answer->status == 400) << target << " " << answer->status;
        EXPECT_EQ(answer->body.find("SECRET"), std::string::npos) << target;
    }
}

TEST_F(HttpFiles, ServesBigFilesToSlowReaders) {
    HttpClient client(server_.port(), {.timeout = kPatience, .receive_buffer = 4096});
    const auto answer = client.get("/static/big.json");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header("Content-Type"), "application/json");
    EXPECT_TRUE(answer->body == std::string(8u << 20, '1'));
}

TEST_F(HttpFiles, FoldersThatCannotBeReadAreNamed) {
    TestServer server;
    const auto mounted = server->files("/static", "/no/such/folder");
    ASSERT_FALSE(mounted);
    EXPECT_NE(mounted.error().message.find("/no/such/folder"), std::string::npos);
}

}  // namespace
}  // namespace cryo::test
