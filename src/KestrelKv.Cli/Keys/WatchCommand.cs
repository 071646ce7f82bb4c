using System.CommandLine;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv watch [PREFIX]</c>: prints changes as they happen, until it is interrupted. Reconnects by itself.</summary>
internal static class WatchCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var watch = new WatchArguments();
        var command = new Command("watch", "Print changes as they happen. Continues without a gap after a lost connection.") { prefix };
        watch.AddTo(command);
        return host.Handle(command, async (arguments, session, stop) =>
        {
            // A watch waits for a server as long as necessary. An address that is wrong, or a secret, is reported at once.
            await session.Client.PingAsync(cancellationToken: stop);
            string text = arguments.GetRequiredValue(prefix);
            WatchOptions options = watch.Read(arguments);
            IAsyncEnumerable<WatchEvent<JsonElement>> events = watch.IsSnapshot(arguments)
                ? session.Client.SnapshotThenWatchAsync(text, RawValue.Type, options, stop)
                : session.Client.WatchAsync(text, RawValue.Type, options, stop);
            var position = new WatchPosition();
            try
            {
                await PrintAsync(session, events, position, watch.Max(arguments), stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested && position.Next is { } next)
            {
                session.Terminal.Output.Flush();
                session.Terminal.WriteMessage($"kkv: Interrupted. Continue with --from {next}.");
                throw;
            }
            return ExitCode.Ok;
        });
    }

    private static async Task PrintAsync(
        Session session, IAsyncEnumerable<WatchEvent<JsonElement>> events, WatchPosition position, long max, CancellationToken stop)
    {
        var output = new WatchOutput(session);
        await using IAsyncEnumerator<WatchEvent<JsonElement>> reader = events.GetAsyncEnumerator(stop);
        for (long count = 0; count < max;)
        {
            ValueTask<bool> next = reader.MoveNextAsync();
            if (!next.IsCompleted) session.Terminal.Output.Flush(); // Events that arrive together are written together.
            if (!await (next.IsCompleted || !session.Terminal.IsErrorTerminal ? next : ReportSilenceAsync(session, next.AsTask(), stop))) return;
            WatchEvent<JsonElement> change = reader.Current;
            if (change.Kind != WatchEventKind.Progress) output.Print(change);
            position.Follow(change.Kind, change.Version);
            if (change.Key.Length > 0) count++;
        }
    }

    /// <summary>Waits for an event. A server that reports not even progress is lost: a note reports this, and another one that it is back.</summary>
    private static async ValueTask<bool> ReportSilenceAsync(Session session, Task<bool> next, CancellationToken stop)
    {
        TimeSpan patience = 2 * session.ClientOptions.ProgressInterval + TimeSpan.FromSeconds(1);
        using var arrived = CancellationTokenSource.CreateLinkedTokenSource(stop);
        bool isSilent = await Task.WhenAny(next, Task.Delay(patience, arrived.Token)) != next && !stop.IsCancellationRequested;
        arrived.Cancel(); // Ends the delay.
        if (!isSilent) return await next;
        session.Terminal.Error.WriteLine($"kkv: The server has sent nothing for {patience.TotalSeconds:0.#} seconds. The watch waits for it.");
        bool hasNext = await next;
        session.Terminal.Error.WriteLine("kkv: The server sends again.");
        return hasNext;
    }
}
