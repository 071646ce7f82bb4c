using System.Diagnostics;
using System.Globalization;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Files and processes that the tests of transfers share.</summary>
internal static class TransferFiles
{
    /// <summary>Writes entries with numbers as values to a file. Values of some keys follow again, so that the order matters.</summary>
    public static string WriteNumbered(Kkv kkv, string prefix, int count)
    {
        string path = kkv.Directory.PathTo($"{prefix.TrimEnd(':')}.ndjson");
        var text = new StringBuilder();
        for (int i = 0; i < count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $$"""{"key":"{{Writers.KeyOf(prefix, i)}}","value":{{i}}}""").Append('\n');
            if (i % 10 == 0)
                text.Append(CultureInfo.InvariantCulture, $$"""{"key":"{{Writers.KeyOf(prefix, i / 2)}}","value":[{{i}}]}""").Append('\n');
        }
        File.WriteAllText(path, text.ToString());
        return path;
    }

    /// <summary>Returns the entries that a file of <see cref="WriteNumbered"/> leaves.</summary>
    public static StoreCopy Expected(string prefix, int count)
    {
        var copy = new StoreCopy();
        for (int i = 0; i < count; i++)
        {
            copy.Entries[Writers.KeyOf(prefix, i)] = (i.ToString(CultureInfo.InvariantCulture), "null");
            if (i % 10 == 0) copy.Entries[Writers.KeyOf(prefix, i / 2)] = ($"[{i}]", "null");
        }
        return copy;
    }

    /// <summary>Runs the program, and ends it with a signal when a condition holds.</summary>
    /// <returns>The result; null if the process was killed.</returns>
    public static async Task<KkvResult?> InterruptAsync(Kkv kkv, string signal, Func<bool> when, params string[] args)
    {
        using Process process = kkv.Start(args);
        Task<KkvResult> end = Kkv.EndAsync(process);
        await Wait.UntilAsync(() => process.HasExited || when(), () => $"{string.Join(' ', args)} does not get far enough");
        try
        {
            if (!process.HasExited) await Kkv.SignalAsync(process, signal);
        }
        catch (Exception) when (process.HasExited)
        {
            // It ended before the signal.
        }
        KkvResult result = await end;
        return result.ExitCode == 137 ? null : result;
    }

    /// <summary>Creates the session of a command in this process, without a terminal.</summary>
    public static Session CreateSession(ServerProcess server, Stream input)
    {
        var terminal = new Terminal
        {
            Input = input, Output = new MemoryStream(), Error = TextWriter.Null,
            IsInputTerminal = false, IsOutputTerminal = false, IsErrorTerminal = false,
            Columns = () => int.MaxValue, Environment = _ => null,
        };
        var host = new CommandHost(terminal);
        return host.CreateSession(host.Root.Parse(["ping", "--url", $"kestrelkv://127.0.0.1:{server.WirePort}"]));
    }

    /// <summary>Whether a write fails at once, because the client has noticed the loss of its connection.</summary>
    public static async Task<bool> IsLostAsync(KestrelKvClient client)
    {
        try
        {
            await client.PutAsync("probe", 1, new() { FailFast = true });
            return false;
        }
        catch (KestrelKvException e)
        {
            return e is NotSentException;
        }
    }

    public static void AssertSucceeded(KkvResult result) =>
        Assert.True(result.ExitCode == ExitCode.Ok, $"exit code {result.ExitCode}: {result.Error}");

    public static long LengthOf(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
}
