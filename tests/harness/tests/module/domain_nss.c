/* An account database that knows people of a directory by names with a domain, as
 * winbind and SSSD do, and answers to some short names in the ways that matter. */
#define _GNU_SOURCE
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *asked, *name;
    unsigned uid;
    const char *shell;
} accounts[] = {
    /* The short name is nobody's. */
    { "EXAMPLE\\alma", "EXAMPLE\\alma", 5001, "/bin/sh" },
    /* The short name is the very same entry. */
    { "EXAMPLE\\bert", "EXAMPLE\\bert", 5002, "/bin/sh" },
    { "bert", "EXAMPLE\\bert", 5002, "/bin/sh" },
    /* An entry of its own with the same uid. */
    { "EXAMPLE\\cleo", "EXAMPLE\\cleo", 5003, "/bin/sh" },
    { "cleo", "cleo", 5003, "/bin/sh" },
    /* The same name and uid, but another entry. */
    { "EXAMPLE\\dirk", "EXAMPLE\\dirk", 5004, "/bin/sh" },
    { "dirk", "EXAMPLE\\dirk", 5004, "/bin/false" },
    /* Another person of the directory. */
    { "EXAMPLE\\emil", "EXAMPLE\\emil", 5005, "/bin/sh" },
    { "emil", "EXAMPLE\\alma", 5001, "/bin/sh" },
    /* The short names of accounts that files has: alice, root, daemon, localadmin. */
    { "EXAMPLE\\alice", "EXAMPLE\\alice", 5006, "/bin/sh" },
    { "EXAMPLE\\root", "EXAMPLE\\root", 5007, "/bin/sh" },
    { "EXAMPLE\\daemon", "EXAMPLE\\daemon", 5008, "/bin/sh" },
    { "EXAMPLE\\localadmin", "EXAMPLE\\localadmin", 5009, "/bin/sh" },
    { "EXAMPLE\\LocalAdmin", "EXAMPLE\\LocalAdmin", 5019, "/bin/sh" },
    { "EXAMPLE\\ROOT", "EXAMPLE\\ROOT", 5029, "/bin/sh" },
    /* The same uid as root's, by two names of one entry. */
    { "EXAMPLE\\zero", "EXAMPLE\\zero", 0, "/bin/sh" },
    { "zero", "EXAMPLE\\zero", 0, "/bin/sh" },
    /* In the configuration's ignore alone. */
    { "EXAMPLE\\backup", "EXAMPLE\\backup", 5010, "/bin/sh" },
    /* Two people who differ in the letters' case. */
    { "EXAMPLE\\Finn", "EXAMPLE\\Finn", 5011, "/bin/sh" },
    { "EXAMPLE\\finn", "EXAMPLE\\finn", 5012, "/bin/sh" },
    { "EXAMPLE\\Gerd", "EXAMPLE\\Gerd", 5013, "/bin/sh" },
    /* The database fails at the short name. */
    { "EXAMPLE\\hans", "EXAMPLE\\hans", 5014, "/bin/sh" },
    /* Other domains, and two at once. */
    { "OTHER\\alma", "OTHER\\alma", 5015, "/bin/sh" },
    { "EXAMPLE\\alma@example.com", "EXAMPLE\\alma@example.com", 5016, "/bin/sh" },
    { "alma@example.com", "alma@example.com", 5017, "/bin/sh" },
    /* One entry for both spellings, as SSSD answers with case_sensitive = preserving. */
    { "Lene", "Lene", 5020, "/bin/sh" },
    { "lene", "Lene", 5020, "/bin/sh" },
    /* One name, and two entries. */
    { "Mona", "Mona", 5021, "/bin/sh" },
    { "mona", "Mona", 5022, "/bin/sh" },
    { "EXAMPLE\\-rf", "EXAMPLE\\-rf", 5018, "/bin/sh" },
};

enum nss_status _nss_domain_getpwnam_r(const char *name, struct passwd *account, char *buffer,
                                       size_t size, int *error)
{
    if (strcmp(name, "hans") == 0) {
        *error = EIO;
        return NSS_STATUS_UNAVAIL;
    }
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        if (strcmp(name, accounts[i].asked) != 0)
            continue;
        size_t length = strlen(accounts[i].name) + 1;
        if (size < length) {
            *error = ERANGE;
            return NSS_STATUS_TRYAGAIN;
        }
        account->pw_name = memcpy(buffer, accounts[i].name, length);
        account->pw_passwd = "x";
        account->pw_uid = account->pw_gid = accounts[i].uid;
        account->pw_gecos = "";
        account->pw_dir = "/";
        account->pw_shell = (char *)accounts[i].shell;
        return NSS_STATUS_SUCCESS;
    }
    return NSS_STATUS_NOTFOUND;
}
