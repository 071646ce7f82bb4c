using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>
/// The user that runs PostgreSQL, which refuses to run as root. If the tests run as root, it is <c>postgres</c>; otherwise it is the user
/// of the tests.
/// </summary>
internal static class DatabaseUser
{
    /// <summary>The name of the user in the system, and of the superuser of all databases.</summary>
    public const string Name = "postgres";

    /// <summary>
    /// The directory of the PostgreSQL programs, of the newest version that is installed. Debian does not install them on the path.
    /// </summary>
    public static string ProgramDirectory { get; } = Directory.GetDirectories("/usr/lib/postgresql")
        .OrderBy(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Select(path => Path.Combine(path, "bin")).Last();

    /// <summary>Creates a directory that belongs to the user.</summary>
    public static async Task CreateDirectoryAsync(string path)
    {
        Directory.CreateDirectory(path);
        if (Environment.IsPrivilegedProcess) await Programs.RunAsync("chown", [Name, path]);
    }

    /// <summary>Returns the command that runs a command as the user. The process keeps its id.</summary>
    public static string[] Command(params string[] command) => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid", Name, "--regid", Name, "--clear-groups", .. command]
        : command;

    /// <summary>Runs a PostgreSQL program until it exits.</summary>
    public static Task<string> RunAsync(string program, params string[] arguments)
    {
        string[] command = Command([Path.Combine(ProgramDirectory, program), .. arguments]);
        return Programs.RunAsync(command[0], command[1..]);
    }
}
