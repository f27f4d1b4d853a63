/* An account database that answers to "alice" in any letters with alice's
 * account, as sssd does with case_sensitive = false. */
#define _GNU_SOURCE
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>

enum nss_status _nss_loose_getpwnam_r(const char *name, struct passwd *account, char *buffer,
                                      size_t size, int *error)
{
    if (strcasecmp(name, "alice") != 0)
        return NSS_STATUS_NOTFOUND;
    if (size < sizeof "alice") {
        *error = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    account->pw_name = strcpy(buffer, "alice");
    account->pw_passwd = "x";
    account->pw_uid = 2001;
    account->pw_gid = 2001;
    account->pw_gecos = "";
    account->pw_dir = "/";
    account->pw_shell = "/bin/sh";
    return NSS_STATUS_SUCCESS;
}
