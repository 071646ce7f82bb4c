using System.CommandLine;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Top;

/// <summary><c>kkv top</c>: live figures of the server.</summary>
internal static class TopCommand
{
    public static Command Create(CommandHost host)
    {
        var interval = new Option<double>("--interval", "-i")
        {
            Description = "The time between two readings, in seconds. Default: 1.", DefaultValueFactory = _ => 1,
        };
        var count = new Option<int?>("--count", "-n") { Description = "End after this number of intervals. Default: until q or Ctrl-C." };
        var command = new Command("top", "Show live figures of the server: requests, latency, memory, syncs.") { interval, count };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            TimeSpan time = arguments.GetValue(interval) is >= 0.1 and <= 3_600 and var seconds ? TimeSpan.FromSeconds(seconds)
                : throw CommandFailure.Usage(
                    $"--interval is {arguments.GetValue(interval).ToString(CultureInfo.InvariantCulture)}, expected seconds from 0.1 to 3600");
            int intervals = arguments.GetValue(count) ?? int.MaxValue;
            if (intervals < 1) throw CommandFailure.Usage($"--count is {intervals}, expected 1 or more");
            using var metrics = new MetricsSource(session);
            (ITopSource source, string? note) = await ChooseAsync(session, metrics, stop);
            bool isLive = session.Format is null or OutputFormat.Table && session.Terminal is { IsOutputTerminal: true, IsDumb: false };
            return isLive
                ? await ShowAsync(session, source, note, time, intervals, stop) : await PrintAsync(session, source, note, time, intervals, stop);
        });
    }

    /// <summary>Returns the metrics over HTTP, or INFO with a note if they cannot be read.</summary>
    private static async Task<(ITopSource Source, string? Note)> ChooseAsync(Session session, MetricsSource metrics, CancellationToken stop)
    {
        try
        {
            await metrics.ReadAsync(stop);
            return (metrics, null);
        }
        catch (IOException e)
        {
            var info = new InfoSource(session.Client);
            await info.ReadAsync(stop);
            return (info, $"The metrics cannot be read: {e.Message}. The figures are those of INFO, without requests, latency and syncs. " +
                "--http sets the address.");
        }
    }

    /// <summary>Prints one JSON object for each interval. A lost server is reported, and read again at the next interval.</summary>
    private static async Task<int> PrintAsync(Session session, ITopSource source, string? note, TimeSpan time, int intervals, CancellationToken stop)
    {
        if (note is not null) session.Terminal.WriteMessage($"kkv: {note}");
        int code = ExitCode.Ok;
        for (int i = 0; i < intervals; i++)
        {
            await Task.Delay(time, stop);
            (TopSample? sample, string? fault) = await TryReadAsync(source, stop);
            code = fault is null ? ExitCode.Ok : ExitCode.Unreachable;
            if (fault is not null) session.Terminal.WriteMessage($"kkv: {fault.TrimEnd('.')}.");
            if (sample is not null && session is { Format: null, Terminal.IsDumb: true }) session.Write([.. TopJson.Of(sample), (byte)'\n']);
            else if (sample is not null) session.WriteJson(TopJson.Of(sample));
            session.Terminal.Output.Flush();
        }
        return code;
    }

    private static async Task<int> ShowAsync(Session session, ITopSource source, string? note, TimeSpan time, int intervals, CancellationToken stop)
    {
        var figures = new TopScreen($"KestrelKv {Session.NameOf(session.ClientOptions)}") { Note = note };
        int read = 0;
        using (var screen = new LiveScreen(session.Terminal))
        {
            screen.Draw(figures.Draw);
            for (; read < intervals && await screen.WaitAsync(time, figures.Draw, stop); read++)
            {
                (TopSample? sample, string? fault) = await TryReadAsync(source, stop);
                if (sample is not null) figures.Add(sample);
                figures.Note = fault is null ? note : $"{fault.TrimEnd('.')}. The figures are the last ones.";
                screen.Draw(figures.Draw);
            }
        }
        if (read == intervals) // The figures that the user asked for remain on the normal screen.
            session.Terminal.Show(string.Concat(figures.Draw(session.Terminal.Columns(), int.MaxValue).Select(line => line + "\n")));
        return ExitCode.Ok;
    }

    private static async Task<(TopSample? Sample, string? Fault)> TryReadAsync(ITopSource source, CancellationToken stop)
    {
        try
        {
            return (await source.ReadAsync(stop), null);
        }
        catch (Exception e) when (e is IOException or KestrelKvException)
        {
            return (null, e.Message);
        }
    }
}
