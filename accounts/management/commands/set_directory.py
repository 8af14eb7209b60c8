"""manage set_directory TENANT --kind ad --url ldaps://dc1.acme.test --base-dn DC=acme,DC=test …"""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import set_directory
from accounts.directory import AD, OPENLDAP, Directory, DirectoryConfig, DirectoryUnavailable
from accounts.management.words import SERVER, find_tenant, read_secret, refuse_blanks
from config.tenancy import tenant_context


class Command(BaseCommand):
    help = "Set up or change the directory that signs in the people of an organisation, and test it."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("--name", default="Directory", help="what people read; also says which one to change")
        parser.add_argument("--kind", choices=[AD, OPENLDAP], required=True)
        parser.add_argument("--url", required=True, help="ldap://host (StartTLS is used) or ldaps://host")
        parser.add_argument("--base-dn", required=True, help="everything below it is searched")
        parser.add_argument("--bind-dn", required=True, help="the account that reads the directory")
        parser.add_argument("--password-file", help="file with its password in the first line (default: ask)")
        parser.add_argument("--ca-file", default="", help="PEM file of accepted authorities (default: the system's)")
        parser.add_argument("--domain", default="", help="NetBIOS name shown before accounts")
        parser.add_argument("--user-filter", default="", help="LDAP filter: who is seen")
        parser.add_argument("--group-filter", default="", help="LDAP filter: which groups are seen")
        parser.add_argument("--disabled-filter", default="", help="LDAP filter: who else counts as disabled")
        parser.add_argument(
            "--follow-member-of", action="store_true", help="believe memberOf: only where the server computes it"
        )
        parser.add_argument("--no-check", action="store_true", help="store it even if it cannot be asked now")

    def handle(self, *, tenant, name, password_file, no_check, **options):
        tenant = find_tenant(tenant)
        needed = {"--url": options["url"], "--base-dn": options["base_dn"], "--bind-dn": options["bind_dn"]}
        refuse_blanks(**{"--name": name, **needed})
        password = read_secret(password_file, "Password of the bind account")
        names = ("kind", "url", "base_dn", "bind_dn", "ca_file", "domain")
        names += ("user_filter", "group_filter", "disabled_filter", "follow_member_of")
        settings = {key: options[key] for key in names}
        if settings["ca_file"]:
            settings["ca_file"] = str(Path(settings["ca_file"]).resolve())
            if not Path(settings["ca_file"]).is_file():
                raise CommandError(f"There is no file {settings['ca_file']}: name the PEM file of the authority.")
        try:
            config = DirectoryConfig(bind_password=password, **settings)
            if not no_check:
                self._check(config)
        except DirectoryUnavailable as outage:
            raise CommandError(f"Nothing was changed. {outage.reason.sentence} ({outage})") from None
        with tenant_context(tenant.pk):
            set_directory(tenant_id=tenant.pk, name=name, settings=settings, bind_password=password, by=SERVER)
        self.stdout.write(f"{tenant.name} signs people in with {name} ({settings['url']}).")

    def _check(self, config):
        check = Directory(config).check()
        self.stdout.write(f"The directory answers{': ' + check.server if check.server else ''}.")
        if not check.has_people:
            self.stderr.write("Nobody was found below the base: check --base-dn and --user-filter.")
