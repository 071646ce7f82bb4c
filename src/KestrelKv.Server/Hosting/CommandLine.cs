namespace KestrelKv.Server.Hosting;

/// <summary>What the program is asked to do: to serve, or one of a few commands; settings may follow.</summary>
/// <param name="Command">One of the commands below; <see cref="Serve"/> where there is none.</param>
/// <param name="File">The file that the command is to be done with, where it takes one.</param>
/// <param name="Settings">The arguments that are settings.</param>
internal sealed record CommandLine(string Command, string? File, string[] Settings)
{
    public const string Serve = "";
    public const string Help = "--help";
    public const string Health = "health";
    public const string Restore = "restore";
    public const string Salvage = "salvage";

    /// <summary>How the program is called.</summary>
    public const string Usage = """
        KestrelKv.Server [SETTING...]               serves until it is told to stop
        KestrelKv.Server health [SETTING...]        asks the server that runs with these settings whether it is ready
        KestrelKv.Server restore FILE [SETTING...]  replaces what the data directory has by a backup; the server must be stopped
        KestrelKv.Server salvage [SETTING...]       makes a damaged data directory usable, and tells what is lost; likewise
        KestrelKv.Server --help                     tells this

        A setting is --KestrelKv:SECTION:NAME=VALUE, such as --KestrelKv:Data:Directory=/var/lib/kestrelkv. README.md has them all.
        """;

    /// <exception cref="UsageException">The arguments are not what <see cref="Usage"/> tells.</exception>
    public static CommandLine Parse(string[] args)
    {
        if (args is [Help or "-h" or "-?" or "help", ..]) return new(Help, null, []);

        // Settings as the configuration reads them: "--name=value", "/name=value", "name=value".
        if (args is [] || IsOption(args[0]) || args[0].Contains('=', StringComparison.Ordinal)) return new(Serve, null, args);

        string command = args[0];
        int taken = command switch
        {
            Health or Salvage => 1,
            Restore => 2,
            _ => throw new UsageException($"there is no command '{command}'"),
        };

        // A file's name may begin with a slash, which would make it a setting to the configuration.
        if (args.Length < taken || (taken == 2 && args[1].StartsWith("--", StringComparison.Ordinal)))
            throw new UsageException($"the command '{command}' needs a file");
        if (args.Length > taken && !IsOption(args[taken]))
            throw new UsageException($"the command '{command}' does not take '{args[taken]}'");
        return new(command, taken == 2 ? args[1] : null, args[taken..]);
    }

    private static bool IsOption(string arg) => arg.StartsWith('-') || arg.StartsWith('/');
}

/// <summary>The program is not called as it can be; the message says why.</summary>
internal sealed class UsageException(string message) : Exception(message);
