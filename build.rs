//! Linker settings of the module.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // An application that calls dlclose in the middle of its life must not
    // unmap code that thread-local destructors or a signal may still run.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
