using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Server;

/// <summary>The server program on this machine.</summary>
internal static class ServerProgram
{
    private const string Name = "KestrelKv.Server";

    /// <summary>Returns the path of the server program.</summary>
    /// <param name="given">The path that the user gave; null for <c>KKV_SERVER</c>, or the program beside this one.</param>
    /// <param name="terminal">The terminal.</param>
    /// <exception cref="CommandFailure">The program is not there.</exception>
    public static string Find(string? given, Terminal terminal)
    {
        string? path = given ?? terminal.Environment("KKV_SERVER");
        string directory = path ?? AppContext.BaseDirectory;
        if (path is not null && File.Exists(path)) return path;
        string program = Path.Combine(directory, OperatingSystem.IsWindows() ? Name + ".exe" : Name);
        string library = Path.Combine(directory, Name + ".dll");
        if (File.Exists(library)) return File.Exists(program) ? program : library;

        // A program without a library beside it is complete in itself, unless it is only the host of the library.
        if (File.Exists(program) && !File.Exists(Path.Combine(directory, Name + ".deps.json"))) return program;
        throw CommandFailure.Usage(path is null
            ? $"The server program is not beside kkv in {directory}, expected its path in --server or KKV_SERVER"
            : $"There is no server program at {path}, expected the path of {Name} or {Name}.dll");
    }
}
