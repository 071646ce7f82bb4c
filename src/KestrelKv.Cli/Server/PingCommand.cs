using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Server;

/// <summary><c>kkv ping</c>: measures the round trip of requests.</summary>
internal static class PingCommand
{
    public static Command Create(CommandHost host)
    {
        var count = new Option<int>("--count", "-n") { Description = "The number of requests. Default: 1.", DefaultValueFactory = _ => 1 };
        var interval = new Option<double>("--interval")
        {
            Description = "The pause between requests, in seconds. Default: 1.", DefaultValueFactory = _ => 1,
        };
        var command = new Command("ping", "Measure the round trip to the server.") { count, interval };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            int requests = arguments.GetValue(count);
            double pause = arguments.GetValue(interval);
            if (requests < 1) throw CommandFailure.Usage($"--count is {requests.ToString(CultureInfo.InvariantCulture)}, expected 1 or more");
            if (pause is not (>= 0 and <= 86_400))
                throw CommandFailure.Usage($"--interval is {pause.ToString(CultureInfo.InvariantCulture)}, expected seconds, 0 to 86400");
            await session.Client.PingAsync(cancellationToken: stop); // Connects, which is not measured.
            var times = new List<double>();
            try
            {
                while (await MeasureAsync(session, times, stop) < requests) await Task.Delay(TimeSpan.FromSeconds(pause), stop);
            }
            finally
            {
                if (requests > 1 && times.Count > 0) PrintSummary(session, times);
            }
            return ExitCode.Ok;
        });
    }

    private static async Task<int> MeasureAsync(Session session, List<double> times, CancellationToken stop)
    {
        double time = (await session.Client.PingAsync(cancellationToken: stop)).TotalMilliseconds;
        times.Add(time);
        if (session.FormatOrDefault is OutputFormat.Table or OutputFormat.Raw) session.Write($"pong {times.Count}: {Text(time)} ms\n");
        else
        {
            session.WriteJson(EntryJson.Object(json =>
            {
                json.WriteNumber("ping", times.Count);
                Write(json, "ms", time);
            }));
        }
        session.Terminal.Output.Flush();
        return times.Count;
    }

    private static void PrintSummary(Session session, List<double> times)
    {
        if (session.FormatOrDefault is OutputFormat.Table or OutputFormat.Raw)
        {
            session.Write($"{times.Count} pings: min {Text(times.Min())}, avg {Text(times.Average())}, max {Text(times.Max())} ms\n");
            return;
        }
        session.WriteJson(EntryJson.Object(json =>
        {
            json.WriteNumber("pings", times.Count);
            Write(json, "min_ms", times.Min());
            Write(json, "avg_ms", times.Average());
            Write(json, "max_ms", times.Max());
        }));
    }

    private static void Write(Utf8JsonWriter json, string name, double time) => EntryJson.WriteRaw(json, name, Encoding.UTF8.GetBytes(Text(time)));

    private static string Text(double time) => time.ToString("0.000", CultureInfo.InvariantCulture);
}
