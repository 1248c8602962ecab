#include "cli/key_options.hpp"

#include <CLI/CLI.hpp>

namespace berkeley {

void add_key_options(CLI::App& app, KeyFiles& target, KeyUse use) {
    app.add_option("--secret-key-file", target.secret_key_file,
                   "Secret key of this node: encrypts and authenticates everything; see berkeleyctl keygen")
        ->type_name("FILE");
    app.add_option("--public-key-file", target.public_key_file,
                   "Public half of that key; only compared with it")
        ->type_name("FILE");
    app.add_option("--authorized-keys", target.authorized_keys,
                   use == KeyUse::serve
                       ? "Directory of the public keys that may connect; candidates among them are trusted"
                       : "Directory of public keys; the candidates among them are trusted")
        ->type_name("DIR");
    app.add_option("--server-key", target.server_keys,
                   "Public key of a trusted candidate, or its file; may be repeated")
        ->type_name("KEY|FILE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace berkeley
