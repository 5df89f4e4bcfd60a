// CALE against forged keys and messages. The first byte is the size of the forgery part: it is tried as a public key
// and as a message, and then laid over a sealed message. The rest is the frame that is sealed.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "cale/cipher.h"
#include "cale/key_pair.h"

using namespace cryo;

namespace {

constexpr std::array<std::byte, cale::kKeyBytes> kKey{std::byte{42}};
constexpr std::size_t kHeaderBytes = 21;
using Buffer = std::vector<std::byte>;

void import_key(Bytes forgery) {
    static const auto own = cale::KeyPair::generate().value();
    const bool derived = own.derive(forgery).has_value();
    if (derived && (forgery.size() != cale::kPublicKeyBytes || forgery[0] != std::byte{4})) std::abort();
}

void open_forgery(Bytes forgery) {
    cale::Opener opener(kKey);
    Buffer message(forgery.begin(), forgery.end());
    opener.open(message);
}

void mutate_sealed(Bytes forgery, Buffer frame) {
    frame.resize(std::max(frame.size(), kHeaderBytes));
    cale::Sealer sealer(kKey);
    Buffer sealed(frame.size() + cale::kOverheadBytes);
    if (!sealer.seal(Bytes(frame).first(kHeaderBytes), Bytes(frame).subspan(kHeaderBytes), sealed)) std::abort();
    if (sealed[cale::Sealer::kTypeOffset] <= cale::Sealer::kHighestPlainType) std::abort();

    Buffer mutated = sealed;
    for (std::size_t i = 0; i < forgery.size(); ++i) mutated[i % mutated.size()] ^= forgery[i];
    cale::Opener opener(kKey);
    if (mutated != sealed && opener.open(mutated)) std::abort();

    Buffer original = sealed;
    const auto opened = opener.open(original);
    if (!opened || !std::equal(opened->begin(), opened->end(), frame.begin(), frame.end())) std::abort();
    if (opener.open(sealed)) std::abort();  // a replay
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes input(reinterpret_cast<const std::byte*>(data + 1), size - 1);
    const Bytes forgery = input.first(std::min<std::size_t>(data[0], input.size()));
    const Bytes frame = input.subspan(forgery.size());
    import_key(forgery);
    open_forgery(forgery);
    mutate_sealed(forgery, {frame.begin(), frame.end()});
    return 0;
}
