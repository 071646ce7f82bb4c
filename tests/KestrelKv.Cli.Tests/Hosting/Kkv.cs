using System.Diagnostics;
using System.Globalization;
using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>The result of a run of the program.</summary>
/// <param name="ExitCode">The exit code.</param>
/// <param name="Output">The standard output. On a terminal: all output.</param>
/// <param name="Error">The standard error.</param>
public sealed record KkvResult(int ExitCode, string Output, string Error);

/// <summary>Runs the built program in a process of its own, in pipes or on a pseudo-terminal.</summary>
public sealed class Kkv : IDisposable
{
    private readonly DataDirectory _home = new();
    private readonly Dictionary<string, string> _environment = [];

    /// <summary>Prepares runs against a server.</summary>
    /// <param name="server">The server; null for none.</param>
    public Kkv(ServerProcess? server = null)
    {
        _environment["KKV_CONFIG"] = _home.PathTo("contexts.json");
        if (server is null) return;
        _environment["KKV_URL"] = $"kestrelkv://127.0.0.1:{server.WirePort}";
        _environment["KKV_HTTP"] = server.Admin.ToString();
    }

    // The arguments of env. A shell can start the tests with SIGINT ignored.
    private static string[] WithInterrupts { get; } = ["--default-signal=INT", Path.Combine(AppContext.BaseDirectory, "kkv")];

    /// <summary>A directory for files, which is deleted with this object.</summary>
    public DataDirectory Directory => _home;

    /// <summary>Sets a variable for all runs.</summary>
    public string this[string variable]
    {
        set => _environment[variable] = value;
    }

    /// <summary>Runs the program in pipes until it exits.</summary>
    public Task<KkvResult> RunAsync(params string[] args) => RunWithInputAsync("", args);

    /// <summary>Runs the program in pipes with an input until it exits.</summary>
    public async Task<KkvResult> RunWithInputAsync(string input, params string[] args)
    {
        using Process process = Start(args);
        return await EndAsync(process, input);
    }

    /// <summary>Runs the program on a pseudo-terminal of 120 columns until it exits.</summary>
    /// <param name="input">What the user types, at once.</param>
    /// <param name="args">The arguments.</param>
    public async Task<KkvResult> RunInTerminalAsync(string input, params string[] args)
    {
        using Process process = StartInTerminal(args);
        return await EndAsync(process, input);
    }

    /// <summary>Starts the program in pipes. The caller ends and disposes of it.</summary>
    public Process Start(params string[] args) => StartProgram("env", [.. WithInterrupts, .. args]);

    /// <summary>Starts the program on a pseudo-terminal of 120 columns: <c>script</c> of util-linux connects it with the pipes.</summary>
    public Process StartInTerminal(params string[] args)
    {
        IEnumerable<string> words = WithInterrupts.Concat(args).Select(word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'");
        return StartInTerminal($"exec env {string.Join(' ', words)}");
    }

    /// <summary>Starts a command of the shell on a pseudo-terminal.</summary>
    public Process StartInTerminal(string command) =>
        StartProgram("script", ["--quiet", "--return", "--echo", "never", "--command", $"stty cols 120 rows 40; {command}", "/dev/null"]);

    public void Dispose() => _home.Dispose();

    /// <summary>Sends a signal, such as <c>INT</c>, to a process.</summary>
    public static Task SignalAsync(Process process, string signal) =>
        Programs.RunAsync("kill", ["-s", signal, process.Id.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Ends the input of a process, and waits until it exits. Kills it if it does not.</summary>
    public static async Task<KkvResult> EndAsync(Process process, string input = "")
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync().WaitAsync(Wait.Patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return new(process.ExitCode, await output, await error);
    }

    /// <summary>
    /// Starts another program in pipes, with the same environment, and with the directory of kkv in <c>PATH</c>. The caller ends and disposes of it.
    /// </summary>
    public Process StartProgram(string program, IReadOnlyList<string> args)
    {
        var start = new ProcessStartInfo(program, args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardInputEncoding = new UTF8Encoding(false),
        };
        foreach (string variable in start.Environment.Keys.Where(name => name.StartsWith("KKV_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(variable);
        start.Environment["TERM"] = "xterm-256color";
        start.Environment["SHELL"] = "/bin/sh";
        start.Environment["PATH"] = AppContext.BaseDirectory + ":" + System.Environment.GetEnvironmentVariable("PATH");
        foreach ((string name, string value) in _environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
