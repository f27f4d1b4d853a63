//! The real sshd, sudo, su, login and a screen locker, each with the module and
//! the stacks that the project ships, on a host that lives for the test.

mod binding;
mod cached;
mod callers_limits;
mod case;
mod cockpit;
mod conditions;
mod control_group;
mod firewalls;
mod front;
mod greeter;
mod keys;
mod locker;
mod log;
mod login;
mod machine;
mod mariadb;
mod matrix;
mod passwd;
mod polkit;
mod profile;
mod push;
mod qr;
mod remembered;
mod resolvers;
mod security_keys;
mod ssh;
mod ssh_texts;
mod stacks;
mod su;
mod sudo;
mod sudo_prompt;
mod sweep;
mod transcript;
mod unavailable;
mod waiting;
