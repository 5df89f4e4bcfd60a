#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <cryo/redis/client.h>

namespace cryo::redis {

/// Who wants to know about a client's health.
class HealthList {
public:
    using Handler = std::function<void(Health)>;

    std::unique_ptr<HealthWatch> add(Handler handler) {
        auto shared = std::make_shared<Handler>(std::move(handler));
        handlers_->push_back(shared);
        return std::make_unique<Watch>(handlers_, std::move(shared));
    }

    /// Those who are there now, to be called with `call` while handlers come and go.
    std::vector<std::weak_ptr<Handler>> all() const { return {handlers_->begin(), handlers_->end()}; }

private:
    using Handlers = std::vector<std::weak_ptr<Handler>>;

    class Watch final : public HealthWatch {
    public:
        Watch(std::weak_ptr<Handlers> list, std::shared_ptr<Handler> handler)
            : list_(std::move(list)), handler_(std::move(handler)) {}
        ~Watch() override {
            if (const auto list = list_.lock()) {
                std::erase_if(*list, [&](const auto& one) { return one.lock() == handler_; });
            }
        }

    private:
        std::weak_ptr<Handlers> list_;
        std::shared_ptr<Handler> handler_;
    };

    std::shared_ptr<Handlers> handlers_ = std::make_shared<Handlers>();
};

}  // namespace cryo::redis
