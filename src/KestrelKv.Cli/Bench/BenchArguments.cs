using System.CommandLine;

namespace KestrelKv.Cli.Bench;

/// <summary>The options of the command line.</summary>
internal sealed class BenchArguments
{
    private readonly Option<double> _seconds = new("--seconds") { Description = "The measured time. Default: 10.", DefaultValueFactory = _ => 10 };
    private readonly Option<double> _warmUp = new("--warm-up")
    {
        Description = "The time of load before the measurement, in seconds. Default: 1.", DefaultValueFactory = _ => 1,
    };
    private readonly Option<int> _connections = new("--connections")
    {
        Description = "The number of connections. Default: 50.", DefaultValueFactory = _ => 50,
    };
    private readonly Option<int> _inFlight = new("--in-flight")
    {
        Description = "The number of requests that a connection sends at once. Default: 1.", DefaultValueFactory = _ => 1,
    };
    private readonly Option<BenchMix> _mix = new("--mix")
    {
        Description = "The requests. Default: mixed.", HelpName = "get|put|mixed", DefaultValueFactory = _ => BenchMix.Mixed,
    };
    private readonly Option<int> _putPercent = new("--put-percent")
    {
        Description = "The percentage of PUTs of --mix mixed. Default: 10.", DefaultValueFactory = _ => 10,
    };
    private readonly Option<int> _valueBytes = new("--value-bytes")
    {
        Description = "The length of values. Default: 100.", DefaultValueFactory = _ => 100,
    };
    private readonly Option<int> _keys = new("--keys") { Description = "The number of keys. Default: 100000.", DefaultValueFactory = _ => 100_000 };
    private readonly Option<double?> _rate = new("--rate")
    {
        Description = "Send this number of requests per second (open loop). Default: each connection waits for its replies (closed loop).",
    };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask before the load of a server on another machine." };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _seconds, _warmUp, _connections, _inFlight, _mix, _putPercent, _valueBytes, _keys, _rate, _yes })
            command.Add(option);
    }

    public bool IsConfirmed(ParseResult parsed) => parsed.GetValue(_yes);

    /// <exception cref="Hosting.CommandFailure">An option is out of range.</exception>
    public BenchOptions Read(ParseResult parsed)
    {
        var options = new BenchOptions
        {
            Seconds = parsed.GetValue(_seconds),
            WarmUp = parsed.GetValue(_warmUp),
            Connections = parsed.GetValue(_connections),
            InFlight = parsed.GetValue(_inFlight),
            Mix = parsed.GetValue(_mix),
            PutPercent = parsed.GetValue(_putPercent),
            ValueBytes = parsed.GetValue(_valueBytes),
            Keys = parsed.GetValue(_keys),
            Rate = parsed.GetValue(_rate),
        };
        options.Check();
        return options;
    }
}
