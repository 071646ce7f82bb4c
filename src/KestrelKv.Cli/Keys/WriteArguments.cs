using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>The options that commands which write a key share.</summary>
internal sealed class WriteArguments
{
    private readonly Option<double?> _ttl = new("--ttl") { Description = "The entry expires after this many seconds." };
    private readonly Option<string?> _expiresAt = new("--expires-at")
    {
        Description = "The entry expires at this time: 2027-01-31T12:00:00Z, or seconds since 1970.",
    };
    private readonly Option<bool> _persist = new("--persist") { Description = "The entry does not expire." };
    private readonly Option<long?> _ifVersion = new("--if-version")
    {
        Description = "Write only if the entry has this version; 0 for a missing key.",
    };
    private readonly Option<bool> _ifExists = new("--if-exists") { Description = "Write only if the key exists." };
    private readonly Option<bool> _ifAbsent = new("--if-absent") { Description = "Write only if the key is missing." };
    private readonly Option<string?> _path = new("--path", "-p") { Description = "A part of the value, as a JSON Pointer, such as /items/0." };
    private readonly Option<bool> _old = new("--old") { Description = "Also print the value before the write." };
    private readonly Option<bool> _memory = new("--ack-memory") { Description = "Do not wait until the write is synced to disk." };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="hasExpiry">Whether it can set the expiry.</param>
    /// <param name="hasPath">Whether it can write a part of the value.</param>
    /// <param name="hasOld">Whether it can return the previous value.</param>
    public void AddTo(Command command, bool hasExpiry, bool hasPath, bool hasOld = true)
    {
        if (hasExpiry) Add(command, _ttl, _expiresAt, _persist);
        if (hasPath) command.Add(_path);
        if (hasOld) command.Add(_old);
        Add(command, _ifVersion, _ifExists, _ifAbsent, _memory);
    }

    /// <exception cref="CommandFailure">The options exclude each other, or a value is invalid.</exception>
    public WriteOptions Read(ParseResult arguments)
    {
        bool ifExists = arguments.GetValue(_ifExists), ifAbsent = arguments.GetValue(_ifAbsent);
        if (ifExists && ifAbsent) throw CommandFailure.Usage("--if-exists and --if-absent are both given, expected one of them");
        return new()
        {
            Path = arguments.GetValue(_path),
            Expiry = ReadExpiry(arguments),
            IfVersion = arguments.GetValue(_ifVersion),
            IfExists = ifExists ? true : ifAbsent ? false : null,
            ReturnOld = arguments.GetValue(_old),
            AcknowledgeFromMemory = arguments.GetValue(_memory),
        };
    }

    /// <summary>Returns the expiry that the options set; <see cref="Expiry.Default"/> if they set none.</summary>
    /// <exception cref="CommandFailure">The options exclude each other, or a value is invalid.</exception>
    public Expiry ReadExpiry(ParseResult arguments)
    {
        (double? ttl, string? at, bool never) = (arguments.GetValue(_ttl), arguments.GetValue(_expiresAt), arguments.GetValue(_persist));
        if ((ttl is null ? 0 : 1) + (at is null ? 0 : 1) + (never ? 1 : 0) > 1)
            throw CommandFailure.Usage("Several of --ttl, --expires-at and --persist are given, expected one of them");
        if (never) return Expiry.Never;
        if (at is not null) return Expiry.At(ParseTime(at));
        return Seconds.ToTime(ttl, "--ttl") is { } time ? Expiry.In(time) : Expiry.Default;
    }

    /// <summary>Writes the same options as parameters of a request.</summary>
    /// <exception cref="CommandFailure">The options exclude each other, or a value is invalid.</exception>
    public void WriteTo(Utf8JsonWriter json, ParseResult arguments)
    {
        WriteOptions options = Read(arguments);
        if (options.Path is { } path) json.WriteString("path", path);
        if (arguments.GetValue(_ttl) is { } ttl) json.WriteNumber("ttl", ttl);
        if (arguments.GetValue(_persist)) json.WriteNull("ttl");
        if (arguments.GetValue(_expiresAt) is { } at) EntryJson.WriteExpiry(json, ParseTime(at));
        if (options.IfVersion is { } version) json.WriteNumber("if_version", version);
        if (options.IfExists is { } exists) json.WriteBoolean("if_exists", exists);
        if (options.AcknowledgeFromMemory) json.WriteString("ack", "memory");
    }

    private static DateTimeOffset ParseTime(string text)
    {
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds) && seconds < 253_402_300_800m)
            return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset time) ? time
            : throw CommandFailure.Usage($"--expires-at is {text}, expected a time such as 2027-01-31T12:00:00Z, or seconds since 1970");
    }

    private static void Add(Command command, params Option[] options)
    {
        foreach (Option option in options) command.Add(option);
    }
}
