using System.CommandLine;
using System.Net;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Bench;

/// <summary><c>kkv bench</c>: loads the server, and measures throughput and latency.</summary>
internal static class BenchCommand
{
    public static Command Create(CommandHost host)
    {
        var arguments = new BenchArguments();
        var command = new Command(
            "bench", $"Load the server with keys under {BenchData.Prefix}, and measure throughput and latency. Removes the keys at the end.");
        arguments.AddTo(command);
        host.SetTerminationTimeout(command, Timeout.InfiniteTimeSpan); // The removal of the keys takes its time. A second Ctrl-C ends it.
        return host.Handle(command, isWrite: true, handler: async (parsed, session, stop) =>
        {
            BenchOptions options = arguments.Read(parsed);
            await ConfirmAsync(session, options, arguments.IsConfirmed(parsed), stop);
            if (host.SharedSession is null) BenchRun.UseEventLoop();
            var data =
                new BenchData(Random.Shared.Next(0x10000).ToString("x4", System.Globalization.CultureInfo.InvariantCulture), options.ValueBytes);
            await using var run = new BenchRun(session, options, data);
            await ConnectAsync(run, stop);
            try
            {
                return await MeasureAsync(session, run, options, stop);
            }
            finally
            {
                await RemoveAsync(session, run, data);
            }
        });
    }

    private static async Task<int> MeasureAsync(Session session, BenchRun run, BenchOptions options, CancellationToken stop)
    {
        Progress(session, $"writing {Figures.Count(options.Keys)} keys");
        BenchLog fill = await run.FillAsync(stop);
        stop.ThrowIfCancellationRequested();
        if (fill.Errors.Count > 0)
            throw CommandFailure.Failed(fill.Errors.Keys.First(),
                $"{fill.Errors.Values.Sum()} of {options.Keys} keys could not be written: {string.Join(", ", fill.Errors.Keys)}");
        BenchResult result = await run.MeasureAsync(log =>
            Progress(session, $"{Figures.Count(log.Latencies.Count)} requests, {log.Errors.Values.Sum()} errors"), stop);
        Progress(session, "");
        if (session.FormatOrDefault is OutputFormat.Json or OutputFormat.Ndjson) session.WriteJson(BenchReport.Json(result, fill.Puts));
        else session.Write(BenchReport.Text(result));
        session.Terminal.Output.Flush();
        return result.IsPartial ? ExitCode.Interrupted : result.Errors > 0 ? ExitCode.Failed : ExitCode.Ok;
    }

    private static async Task ConnectAsync(BenchRun run, CancellationToken stop)
    {
        try
        {
            await run.ConnectAsync(stop);
        }
        catch (IOException e)
        {
            throw new CommandFailure(ExitCode.Unreachable, "unreachable", e.Message);
        }
    }

    /// <summary>Removes the keys, also after an interruption. Reports if keys may be left.</summary>
    private static async Task RemoveAsync(Session session, BenchRun run, BenchData data)
    {
        Progress(session, "removing the keys");
        using var again = new Interruption();
        BenchLog log = await run.RemoveAsync(again.Token);
        Progress(session, "");
        string? reason = again.Token.IsCancellationRequested ? "their removal was interrupted"
            : log.Errors.Count > 0 ? $"their removal failed: {string.Join(", ", log.Errors.Keys)}"
            : run.HasTimeout ? "the server may still execute requests that had no reply in time"
            : null;
        if (reason is not null) session.Terminal.WriteMessage($"kkv: Keys under {data.RunPrefix} may be left, because {reason}.");
    }

    /// <summary>Asks before the load of a server on another machine.</summary>
    /// <exception cref="CommandFailure">The user does not agree, or cannot be asked.</exception>
    private static async Task ConfirmAsync(Session session, BenchOptions options, bool isConfirmed, CancellationToken stop)
    {
        KestrelKvClientOptions server = session.ClientOptions;
        if (isConfirmed || server.Host == "localhost" || IPAddress.TryParse(server.Host, out IPAddress? address) && IPAddress.IsLoopback(address))
            return;
        string question = $"The server {server.Host} is not on this machine. The benchmark writes {Figures.Count(options.Keys)} keys " +
            $"under {BenchData.Prefix} and loads the server for {options.Seconds} seconds";
        if (!session.Terminal.IsInputTerminal) throw CommandFailure.Usage($"{question}: expected --yes");
        session.Terminal.Error.Write($"{question}. Continue? [y/N] ");
        using var input = new StreamReader(session.Terminal.Input, leaveOpen: true);
        string? answer = await input.ReadLineAsync(stop).AsTask().WaitAsync(stop);
        if (answer?.Trim() is not ("y" or "Y" or "yes")) throw CommandFailure.Usage("The benchmark was not confirmed, expected y or --yes");
    }

    private static void Progress(Session session, string text)
    {
        if (session.Terminal is { IsErrorTerminal: true, IsDumb: false }) session.Terminal.Error.Write($"\r{text}\e[K");
    }
}
