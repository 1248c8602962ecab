#include "node/key_watch.hpp"

#include <utility>

namespace berkeley {

void KeyWatch::look(Thoroughness thoroughness) {
    everything_ = everything_ || thoroughness == Thoroughness::everything;
    if (progress_->under_way) return;
    const auto how = everything_ ? Thoroughness::everything : Thoroughness::changes;
    progress_->under_way =
        worker_.submit([keys = keys_, progress = progress_, how]() mutable -> Worker::Finish {
            News news;
            news.complaints = keys->read(how);
            news.ring = keys->ring();
            return [progress = std::move(progress), news = std::move(news)] {
                progress->under_way = false;
                progress->news = news;
            };
        });
    if (progress_->under_way) everything_ = false;
}

std::optional<KeyWatch::News> KeyWatch::take() {
    auto news = std::exchange(progress_->news, std::nullopt);
    if (news && everything_) look(Thoroughness::everything);
    return news;
}

}  // namespace berkeley
