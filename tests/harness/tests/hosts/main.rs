//! The real sshd, sudo, su, login and a screen locker, each with the module and
//! the stacks that the project ships, on a host that lives for the test.

mod first;
mod keys;
mod passwd;
