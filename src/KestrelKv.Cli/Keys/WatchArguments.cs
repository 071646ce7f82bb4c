using System.CommandLine;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>The options of a watch.</summary>
internal sealed class WatchArguments
{
    private readonly Option<long?> _from = new("--from") { Description = "Begin with the changes of this version. Default: the next change." };
    private readonly Option<bool> _snapshot = new("--snapshot", "-s") { Description = "Print all entries first, then their changes." };
    private readonly Option<bool> _keysOnly = new("--keys-only") { Description = "Omit values. Needs no right to read them." };
    private readonly Option<bool> _values = new("--values") { Description = "Print values. This is the default." };
    private readonly Option<long?> _max = new("--max", "-n") { Description = "End after this many changes. Entries of a snapshot count." };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _from, _snapshot, _values, _keysOnly, _max }) command.Add(option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_values) && result.GetValue(_keysOnly))
                result.AddError("--values and --keys-only are both given, expected one of them.");
            if (result.GetValue(_snapshot) && result.GetValue(_from) is not null)
                result.AddError("--snapshot and --from are both given, expected one of them.");
        });
    }

    public bool IsSnapshot(ParseResult arguments) => arguments.GetValue(_snapshot);

    /// <summary>Returns the number of changes after which the watch ends.</summary>
    /// <exception cref="CommandFailure">The number is invalid.</exception>
    public long Max(ParseResult arguments) => arguments.GetValue(_max) switch
    {
        null => long.MaxValue,
        >= 1 and var max => max,
        { } max => throw CommandFailure.Usage($"--max is {max.ToString(CultureInfo.InvariantCulture)}, expected 1 or more"),
    };

    /// <exception cref="CommandFailure">An option is invalid.</exception>
    public WatchOptions Read(ParseResult arguments)
    {
        if (arguments.GetValue(_from) is < 0 and var from)
            throw CommandFailure.Usage($"--from is {from.ToString(CultureInfo.InvariantCulture)}, expected a version, 0 or more");
        return new() { FromVersion = arguments.GetValue(_from), KeysOnly = arguments.GetValue(_keysOnly), ReportProgress = true };
    }
}
