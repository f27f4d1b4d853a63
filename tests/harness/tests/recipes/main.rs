//! The recipes of `docs/recipes.md`, word for word: each test reads the blocks of its recipe
//! from the document, installs them on its own host, and logs in through the real programs.
//!
//! A recipe sees a Debian host: Debian's stacks, and an sshd with the settings of Debian's
//! file. Packages that a recipe needs are laid over it, unpacked by `scripts/recipe-packages`.

mod ansible;
mod bad_days;
mod bench;
mod directory;
mod document;
mod fail2ban;
mod faillock;
mod keys;
mod local_users;
mod many_logins;
mod name_services;
mod outpost;
mod passwords;
mod recipe;
mod sudo_alone;
