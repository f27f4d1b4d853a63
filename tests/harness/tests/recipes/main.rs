//! The recipes of `docs/recipes.md`, as they stand there: each test reads the
//! blocks of its recipe out of the document, installs them on a host of its own,
//! and logs in through the real programs.
//!
//! The host is Debian's as far as a recipe can see it: its stacks, and an sshd
//! that is told what Debian's file says. Packages that a recipe wants are laid
//! over it, unpacked by `scripts/recipe-packages`.

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
