#include "cli/key_options.hpp"

#include "cli/option_kinds.hpp"

namespace berkeley {

void add_key_options(Command& command, KeyFiles& target, KeyUse use) {
    add_text(
        command,
        {"--secret-key-file",
         "Secret key of this node: encrypts and authenticates everything; see berkeleyctl keygen", "FILE"},
        target.secret_key_file);
    add_text(command, {"--public-key-file", "Public half of that key; only compared with it", "FILE"},
             target.public_key_file);
    add_text(command,
             {"--authorized-keys",
              use == KeyUse::serve
                  ? "Directory of the public keys that may connect; candidates among them are trusted"
                  : "Directory of public keys; the candidates among them are trusted",
              "DIR"},
             target.authorized_keys);
    add_texts(command,
              {"--server-key", "Public key of a trusted candidate, or its file; may be repeated", "KEY|FILE"},
              target.server_keys, Values::repeated);
}

}  // namespace berkeley
