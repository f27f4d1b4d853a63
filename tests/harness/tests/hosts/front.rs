//! Debian's real nginx and Varnish in front of authentik's double. They run on the
//! test's own host, listen on loopback, and end with the host.

use authentik_double::Double;
use pam_harness::host::RealHost;
use std::net::{Ipv4Addr, TcpListener};

/// The directory for files that nginx writes, which is empty in the host.
const NGINX: &str = "\
user root root;
worker_processes 1;
pid /run/nginx.pid;
error_log /run/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path /run/nginx-body;
    proxy_temp_path /run/nginx-proxy;
    fastcgi_temp_path /run/nginx-fastcgi;
    uwsgi_temp_path /run/nginx-uwsgi;
    scgi_temp_path /run/nginx-scgi;
    proxy_cache_path /run/nginx-cache keys_zone=answers:1m;
    proxy_set_header Host $http_host;
";

/// A port of loopback that is free.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_or(0, |address| address.port())
}

/// Starts nginx with TLS on a port, with these lines in the block `http` and in the block
/// `server`; `{authentik}` is the double's address. Returns its URL with a host name.
#[track_caller]
pub(crate) fn start_nginx(host: &RealHost, double: &Double, http: &str, server: &str) -> String {
    let (certificate, key) = double.server_identity();
    host.put("/etc/front/server.pem", certificate.as_bytes(), 0o644, 0);
    host.put("/etc/front/server.key", key.as_bytes(), 0o600, 0);
    let port = free_port();
    let text = format!(
        "{NGINX}{http}\nserver {{\n    listen 127.0.0.1:{port} ssl;\n    \
         ssl_certificate /etc/front/server.pem;\n    \
         ssl_certificate_key /etc/front/server.key;\n{server}\n}}\n}}\n"
    );
    let authentik = format!("https://127.0.0.1:{}", double.port());
    host.write(
        "/etc/front/nginx.conf",
        &text.replace("{authentik}", &authentik),
    );
    run(host, "nginx -c /etc/front/nginx.conf");
    format!("https://localhost:{port}")
}

/// Starts Varnish between two nginx servers, because it has no TLS. Returns its port.
#[track_caller]
pub(crate) fn start_varnish(host: &RealHost, behind: u16, rules: &str) -> u16 {
    let port = free_port();
    host.write(
        "/etc/front/rules.vcl",
        &format!(
            "vcl 4.1;\nbackend default {{ .host = \"127.0.0.1\"; .port = \"{behind}\"; }}\n{rules}"
        ),
    );
    run(
        host,
        &format!(
            "varnishd -a 127.0.0.1:{port} -f /etc/front/rules.vcl -n /run/varnish -j none \
             -s malloc,16m -T none"
        ),
    );
    port
}

#[track_caller]
fn run(host: &RealHost, command: &str) {
    let output = host.output("root", &["sh", "-ec", command]);
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{command}: {printed}");
}
