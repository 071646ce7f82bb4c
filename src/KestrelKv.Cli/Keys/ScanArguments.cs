using System.CommandLine;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>The options of a scan.</summary>
internal sealed class ScanArguments
{
    private readonly Option<string?> _after = new("--after") { Description = "Begin after this key, in the direction of the scan." };
    private readonly Option<string?> _until = new("--until") { Description = "End before this key, in the direction of the scan." };
    private readonly Option<int?> _limit = new("--limit", "-n") { Description = "List at most this many entries. Default: all." };
    private readonly Option<bool> _descending = new("--descending", "-d") { Description = "List the last key first." };

    public Option<string?> Delimiter { get; } = new("--delimiter")
    {
        Description = "List one level of a tree: keys that contain this text after the prefix are groups, such as user: for the delimiter \":\".",
    };

    public Option<bool> Values { get; } = new("--values") { Description = "Also print the values." };

    public Option<bool> Keys { get; } = new("--keys", "-k") { Description = "Print only the keys, one on each line." };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { Values, Keys, _after, _until, _limit, _descending, Delimiter }) command.Add(option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(Values) && result.GetValue(Keys)) result.AddError("--values and --keys are both given, expected one of them.");
            if (result.GetValue(Values) && result.GetValue(Delimiter) is not null)
                result.AddError("--values and --delimiter are both given, expected one of them.");
        });
    }

    /// <exception cref="CommandFailure">An option is invalid.</exception>
    public ScanOptions Read(ParseResult arguments)
    {
        if (arguments.GetValue(_limit) is < 1 and var limit)
            throw CommandFailure.Usage($"--limit is {limit.ToString(CultureInfo.InvariantCulture)}, expected 1 or more");
        return new()
        {
            After = arguments.GetValue(_after),
            Until = arguments.GetValue(_until),
            Limit = arguments.GetValue(_limit),
            Descending = arguments.GetValue(_descending),
        };
    }
}
