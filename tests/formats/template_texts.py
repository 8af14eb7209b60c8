"""Settings location templates as text, and items to sort by them."""

from personalization.formats.items import RegistryValue, in_memory_file

NAMESPACE = "http://schemas.microsoft.com/UserExperienceVirtualization/{}/SettingsLocationTemplate"


def xml(body: str, schema: str = "2013A") -> bytes:
    declaration = '<?xml version="1.0" encoding="utf-8"?>\n'
    root = "SettingsLocationTemplate"
    return f'{declaration}<{root} xmlns="{NAMESPACE.format(schema)}">{body}</{root}>'.encode()


def single(settings: str, **options) -> bytes:
    return xml(
        "<Name>Acme</Name><ID>Acme</ID><Version>3</Version><Processes><Process><Filename>acme.exe</Filename></Process>"
        f"</Processes>\n<Settings>{settings}</Settings>",
        **options,
    )


def value(path: str, name: str = "") -> RegistryValue:
    return RegistryValue(path, name, 4, b"\0\0\0\0")


def file(path: str):
    return in_memory_file(path, b"")


EDITOR = xml("""
  <Name>Inkwell</Name>
  <ID>Inkwell</ID>
  <Description>Writes</Description>
  <LocalizedNames><Name Locale="de-de">Tintenfass</Name><Name Locale="fr-fr">Encrier</Name></LocalizedNames>
  <Version>7</Version>
  <Author><Name>Olga</Name><Email>olga@acme.example</Email></Author>
  <Processes>
    <Process>
      <Filename>inkwell.exe</Filename><Architecture>Win64</Architecture><ProductName>Inkwell</ProductName>
      <FileDescription>Editor</FileDescription>
      <ProductVersion><Major Minimum="2" Maximum="4"/><Minor Minimum="0" Maximum="9"/></ProductVersion>
      <FileVersion><Major Minimum="2" Maximum="2"/></FileVersion>
    </Process>
    <Process><Filename>inkspell.exe</Filename></Process>
  </Processes>
  <Settings>
    <Asynchronous>true</Asynchronous>
    <Registry>
      <Path Recursive="true" DeleteIfNotFound="1">Software\\Inkwell</Path>
      <Exclude><Path Recursive="true">Cache</Path></Exclude>
      <Exclude><Path>Windows</Path><Name>Position</Name></Exclude>
      <Exclude><Name>LastRun</Name></Exclude>
    </Registry>
    <Registry>
      <Path>\\Software\\Shared\\Fonts</Path><Name>Inkwell</Name><Name/>
    </Registry>
    <File>
      <Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root>
      <Path Recursive="true">Inkwell\\Profiles</Path>
      <FileMask>*.ink</FileMask><FileMask>prefs.*</FileMask>
      <Exclude><Path Recursive="true">Temp*</Path></Exclude>
      <Exclude><FileMask>~*</FileMask></Exclude>
    </File>
    <File>
      <Root><KnownFolder>{fdd39ad0-238f-46af-adb4-6c85480369c7}</KnownFolder></Root>
      <Path>Inkwell\\dictionary.txt</Path>
    </File>
    <File>
      <Root>
        <RegistryEntry>Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders\\Local AppData
        </RegistryEntry>
      </Root>
      <Path/>
      <FileMask>inkwell.log</FileMask>
    </File>
  </Settings>
""")


SUITE = xml("""
  <Name>Office</Name><ID>Office</ID><ManageSuiteOnly>true</ManageSuiteOnly>
  <Common><Name>Common</Name><ID>common</ID><Version>4</Version>
    <Settings><Registry><Path Recursive="true">Software\\Office</Path></Registry></Settings></Common>
  <Application><Name>Text</Name><ID>Text</ID><Version>2</Version>
    <Processes><Process><Filename>text.exe</Filename></Process></Processes>
    <Settings><Registry><Path Recursive="true">Software\\Office\\Text</Path></Registry></Settings></Application>
  <Application><Name>Table</Name><ID>Table</ID><Version>6</Version>
    <Processes><Process><Filename>table.exe</Filename></Process></Processes>
    <Settings><Registry><Path>Software\\Office\\Table</Path></Registry>
    <File><Root><EnvironmentVariable>USERPROFILE</EnvironmentVariable></Root><Path Recursive="true">Tables</Path></File>
    </Settings></Application>
""")
