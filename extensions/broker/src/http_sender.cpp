#include "http_sender.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>
#include <utility>

#include <curl/curl.h>

namespace cryo::broker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswerBytes = 64u << 10;
constexpr std::chrono::milliseconds kFirstPause{250};
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::chrono::milliseconds kLongestSleep{1'000};
constexpr std::chrono::milliseconds kConnectTimeout{2'000};
constexpr long kMaxIdleConnections = 64;

struct Job {
    HttpPost post;
    HttpSender::Done done;
    unsigned failed = 0;
};

/// Jobs that wait for each other.
struct Lane {
    std::deque<Job> jobs{};
    Clock::time_point not_before{};
    CURL* request = nullptr;  // of the first job; null while it waits
    curl_slist* headers = nullptr;
    HttpOutcome outcome{};
    char error[CURL_ERROR_SIZE] = {};
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* outcome) {
    auto& body = static_cast<HttpOutcome*>(outcome)->body;
    body.append(data, std::min(size, kMaxAnswerBytes - std::min(kMaxAnswerBytes, body.size())));
    return size;
}

bool may_pass(const HttpOutcome& outcome) noexcept {
    return outcome.status == 0 || outcome.status == 429 || outcome.status >= 500;
}

/// Not 0, which would be without end.
std::chrono::milliseconds time_for(const HttpPost& post) {
    const auto left = post.deadline - Clock::now();
    if (left >= post.timeout) return post.timeout;
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds{1});
}

void initialize_curl() {
    static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

class HttpSender::Engine {
public:
    explicit Engine(Limits limits) : limits_(limits) {
        initialize_curl();
        multi_ = curl_multi_init();
        if (!multi_) throw std::bad_alloc();
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
        thread_ = std::thread([this] { run(); });
    }

    ~Engine() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        curl_multi_wakeup(multi_);
        thread_.join();
        curl_multi_cleanup(multi_);
    }

    void post(HttpPost post, Done done) {
        const auto size = post.body.size();
        {
            std::unique_lock lock(mutex_);
            auto& in_lane = in_lanes_[post.lane];
            if (in_lane >= limits_.max_in_lane || queued_ >= limits_.max_queued ||
                queued_bytes_ + size > limits_.max_queued_bytes) {
                if (in_lane == 0) in_lanes_.erase(post.lane);
                lock.unlock();
                return done({.error = "too many requests wait"});
            }
            ++in_lane;
            ++queued_;
            queued_bytes_ += size;
            arrived_.push_back({std::move(post), std::move(done)});
        }
        curl_multi_wakeup(multi_);
    }

private:
    void run() {
        while (take_arrived()) {
            give_up_late();
            start_due();
            int running = 0;
            curl_multi_perform(multi_, &running);
            finish_done();
            curl_multi_poll(multi_, nullptr, 0, static_cast<int>(sleep_time().count()), nullptr);
        }
        give_up();
    }

    bool take_arrived() {
        std::vector<Job> arrived;
        {
            const std::lock_guard lock(mutex_);
            if (stop_) return false;
            arrived.swap(arrived_);
        }
        for (auto& job : arrived) lanes_[job.post.lane].jobs.push_back(std::move(job));
        return true;
    }

    /// Those that wait behind a request that takes too long. That one has a timeout of its own.
    void give_up_late() {
        const auto now = Clock::now();
        for (auto& [name, lane] : lanes_) {
            while (!lane.request && !lane.jobs.empty() && lane.jobs.front().post.deadline <= now) {
                finish({.error = "its turn did not come in time"}, lane.jobs);
            }
        }
    }

    void start_due() {
        const auto now = Clock::now();
        for (auto& [name, lane] : lanes_) {
            if (!lane.request && !lane.jobs.empty() && lane.not_before <= now) start(lane);
        }
    }

    void start(Lane& lane) {
        const auto& post = lane.jobs.front().post;
        CURL* request = curl_easy_init();
        if (!request) throw std::bad_alloc();
        lane.request = request;
        lane.outcome = {};
        lane.error[0] = '\0';
        lane.headers = curl_slist_append(nullptr, "Expect:");  // one round trip, whatever the size
        for (const auto& header : post.headers) lane.headers = curl_slist_append(lane.headers, header.c_str());
        curl_easy_setopt(request, CURLOPT_URL, post.url.c_str());
        curl_easy_setopt(request, CURLOPT_PROTOCOLS_STR, "http,https");
        if (!limits_.use_proxy) curl_easy_setopt(request, CURLOPT_PROXY, "");
        curl_easy_setopt(request, CURLOPT_POST, 1L);
        curl_easy_setopt(request, CURLOPT_POSTFIELDS, post.body.data());
        curl_easy_setopt(request, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
        curl_easy_setopt(request, CURLOPT_HTTPHEADER, lane.headers);
        curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(request, CURLOPT_WRITEDATA, &lane.outcome);
        curl_easy_setopt(request, CURLOPT_ERRORBUFFER, lane.error);
        curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
        const auto timeout = time_for(post);
        curl_easy_setopt(request, CURLOPT_CONNECTTIMEOUT_MS,
                         static_cast<long>(std::min(timeout, kConnectTimeout).count()));
        curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
        curl_easy_setopt(request, CURLOPT_PRIVATE, &lane);
        curl_multi_add_handle(multi_, request);
    }

    void finish_done() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            char* owner = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
            auto& lane = *reinterpret_cast<Lane*>(owner);
            const CURLcode result = message->data.result;
            if (result == CURLE_OK) {
                curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &lane.outcome.status);
            } else {
                lane.outcome.error = lane.error[0] ? lane.error : curl_easy_strerror(result);
            }
            release(lane);
            conclude(lane);
        }
        std::erase_if(lanes_, [](const auto& entry) { return entry.second.jobs.empty(); });
    }

    void conclude(Lane& lane) {
        auto& job = lane.jobs.front();
        if (may_pass(lane.outcome) && ++job.failed < job.post.attempts) {
            const auto pause = kFirstPause * (1u << std::min(job.failed - 1, 10u));
            lane.not_before = Clock::now() + std::min<std::chrono::milliseconds>(pause, kLongestPause);
            return;
        }
        lane.not_before = {};
        finish(std::move(lane.outcome), lane.jobs);
    }

    /// Ends the first of these jobs.
    void finish(HttpOutcome outcome, std::deque<Job>& jobs) {
        auto job = std::move(jobs.front());
        jobs.pop_front();
        {
            const std::lock_guard lock(mutex_);
            --queued_;
            queued_bytes_ -= job.post.body.size();
            if (const auto found = in_lanes_.find(job.post.lane); --found->second == 0) in_lanes_.erase(found);
        }
        job.done(std::move(outcome));
    }

    void release(Lane& lane) {
        curl_multi_remove_handle(multi_, lane.request);
        curl_easy_cleanup(lane.request);
        curl_slist_free_all(lane.headers);
        lane.request = nullptr;
        lane.headers = nullptr;
    }

    std::chrono::milliseconds sleep_time() const {
        auto sleep = kLongestSleep;
        const auto now = Clock::now();
        for (const auto& [name, lane] : lanes_) {
            if (lane.request || lane.jobs.empty()) continue;
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(lane.not_before - now);
            sleep = std::clamp(left, std::chrono::milliseconds{0}, sleep);
        }
        return sleep;
    }

    void give_up() {
        for (auto& [name, lane] : lanes_) {
            if (lane.request) release(lane);
            while (!lane.jobs.empty()) finish({.error = "stopped"}, lane.jobs);
        }
        std::deque<Job> rest;
        {
            const std::lock_guard lock(mutex_);
            std::ranges::move(arrived_, std::back_inserter(rest));
            arrived_.clear();
        }
        while (!rest.empty()) finish({.error = "stopped"}, rest);
    }

    const Limits limits_;
    CURLM* multi_ = nullptr;

    std::mutex mutex_;
    std::vector<Job> arrived_;
    std::size_t queued_ = 0, queued_bytes_ = 0;
    std::unordered_map<std::string, std::size_t> in_lanes_;  // how many
    bool stop_ = false;

    std::unordered_map<std::string, Lane> lanes_;  // the thread's
    std::thread thread_;
};

HttpSender::HttpSender(Limits limits) : engine_(std::make_unique<Engine>(limits)) {}
HttpSender::~HttpSender() = default;

void HttpSender::post(HttpPost post, Done done) { engine_->post(std::move(post), std::move(done)); }

}  // namespace cryo::broker
