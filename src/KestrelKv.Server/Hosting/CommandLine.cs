namespace KestrelKv.Server.Hosting;

/// <summary>The arguments of the program: an optional command, and settings. Without a command the program serves.</summary>
/// <param name="Command">One of the commands below; <see cref="Serve"/> if there is none.</param>
/// <param name="Arguments">The arguments of the command: the file of restore, or those of user.</param>
/// <param name="Settings">The arguments that are settings.</param>
internal sealed record CommandLine(string Command, string[] Arguments, string[] Settings)
{
    public const string Serve = "";
    public const string Help = "--help";
    public const string Version = "--version";
    public const string Health = "health";
    public const string Restore = "restore";
    public const string Salvage = "salvage";
    public const string User = "user";

    /// <summary>The arguments that the program accepts.</summary>
    public const string Usage = """
        KestrelKv.Server [SETTING...]               serves until it receives SIGTERM, SIGINT or SIGQUIT
        KestrelKv.Server health [SETTING...]        checks whether the server with these settings is ready
        KestrelKv.Server restore FILE [SETTING...]  replaces the contents of the data directory with a backup; with Store:Engine = Postgres,
                                                    loads it into an empty schema; the server must be stopped
        KestrelKv.Server salvage [SETTING...]       repairs a damaged data directory and reports the losses; the server must be stopped
        KestrelKv.Server user add NAME [--role ROLE]... [--expires DURATION] [SETTING...]
                                                    adds a user to the users file and prints its secret
        KestrelKv.Server user rotate NAME [--expires DURATION] [SETTING...]
                                                    adds a second secret to a user and prints it
        KestrelKv.Server user revoke NAME [--secret ID]... [SETTING...]
                                                    removes a user, or the secrets with these ids
        KestrelKv.Server user list [SETTING...]     lists the users, their roles and the ids of their secrets
        KestrelKv.Server user check [NAME KEY] [SETTING...]
                                                    checks the users file, or shows what a user may do with a key
        KestrelKv.Server --version                  prints the version and the source revision
        KestrelKv.Server --help                     prints this text

        A setting is --KestrelKv:SECTION:NAME=VALUE, such as --KestrelKv:Data:Directory=/var/lib/kestrelkv. SETTINGS.md lists all settings.
        """;

    /// <summary>The prefixes of settings that an argument can set.</summary>
    private static readonly string[] Sections = ["KestrelKv:", "Serilog:", "OTEL_"];

    /// <exception cref="UsageException">The arguments do not follow <see cref="Usage"/>.</exception>
    public static CommandLine Parse(string[] args)
    {
        if (args is [Help or "-h" or "-?" or "help", ..]) return new(Help, [], []);
        if (args is [Version or "version"]) return new(Version, [], []);
        if (args is [] || IsOption(args[0]) || args[0].Contains('=', StringComparison.Ordinal))
            return new(Serve, [], CheckSettings(args));

        string command = args[0];
        int taken = command switch
        {
            Health or Salvage => 1,
            Restore => 2,
            User => 1 + args.Skip(1).TakeWhile(arg => !IsSetting(arg)).Count(),
            _ => throw new UsageException($"unknown command '{command}', expected health, restore, salvage or user"),
        };

        // A file name may begin with a slash. The configuration would read it as a setting.
        if (args.Length < taken || (command == Restore && args[1].StartsWith("--", StringComparison.Ordinal)))
            throw new UsageException($"the command '{command}' needs a file");
        if (args.Length > taken && !IsOption(args[taken]))
            throw new UsageException($"the command '{command}' does not take '{args[taken]}'");
        return new(command, args[1..taken], CheckSettings(args[taken..]));
    }

    /// <summary>Rejects arguments that the configuration would ignore or misread.</summary>
    /// <remarks>The configuration reads "--name=value", "/name=value", "name=value", "--name value" and "/name value".</remarks>
    private static string[] CheckSettings(string[] args)
    {
        for (int i = 0; i < args.Length; i++)
        {
            if (!IsSetting(args[i])) throw new UsageException($"the argument '{args[i]}' is unknown");
            string name = WithoutPrefix(args[i]);
            if (name.Contains('=', StringComparison.Ordinal)) continue;
            if (!IsOption(args[i]) || i + 1 == args.Length || args[i + 1].StartsWith("--", StringComparison.Ordinal))
                throw new UsageException($"the argument '{args[i]}' has no value, expected {args[i]}=VALUE");
            i++;
        }
        return args;
    }

    private static bool IsSetting(string arg) =>
        Array.Exists(Sections, section => WithoutPrefix(arg).StartsWith(section, StringComparison.OrdinalIgnoreCase));

    private static bool IsOption(string arg) => arg.StartsWith('-') || arg.StartsWith('/');

    private static string WithoutPrefix(string arg) =>
        arg.StartsWith("--", StringComparison.Ordinal) ? arg[2..] : arg.StartsWith('/') ? arg[1..] : arg;
}

/// <summary>The arguments are invalid. The message names the first invalid one.</summary>
internal sealed class UsageException(string message) : Exception(message);
