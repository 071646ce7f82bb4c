using System.Globalization;

namespace KestrelKv.Client;

/// <summary>Parses connection strings: URLs and lists of pairs.</summary>
internal static class ConnectionString
{
    /// <summary>Sets the options that a connection string names.</summary>
    public static void Apply(string text, KestrelKvClientOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text, "connectionString");
        if (text.Contains("://", StringComparison.Ordinal) && !IsPairs(text)) ParseUrl(text, options);
        else ParsePairs(text, options);
    }

    private static bool IsPairs(string text) => text.IndexOf('=', StringComparison.Ordinal) is var at and >= 0 && at < text.IndexOf("://", StringComparison.Ordinal);

    private static void ParseUrl(string text, KestrelKvClientOptions options)
    {
        // A message must not contain the text, which may have a secret.
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url))
            throw Invalid("The connection string is not a valid URL", "kestrelkv://user:secret@host:port");
        options.Tls = url.Scheme switch
        {
            "kestrelkv" => false,
            "kestrelkvs" => true,
            _ => throw Invalid($"The connection string has the scheme \"{url.Scheme}\"", "kestrelkv or kestrelkvs"),
        };
        if (url.AbsolutePath is not ("" or "/")) throw Invalid("The connection string has a path", "no path");
        if (url.Fragment.Length > 0) throw Invalid("The connection string has a #", "%23 instead of a # in the secret");
        options.Host = url.IdnHost;
        if (url.Port >= 0) options.Port = url.Port;
        if (url.UserInfo is { Length: > 0 } user)
        {
            int colon = user.IndexOf(':', StringComparison.Ordinal);
            options.User = Uri.UnescapeDataString(colon < 0 ? user : user[..colon]);
            if (colon >= 0) options.Secret = Uri.UnescapeDataString(user[(colon + 1)..]);
        }
        foreach (string pair in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            (string name, string value) = Split(pair);
            SetPart(options, Uri.UnescapeDataString(name), Uri.UnescapeDataString(value), hasSecret: text.Contains('@', StringComparison.Ordinal));
        }
    }

    private static void ParsePairs(string text, KestrelKvClientOptions options)
    {
        foreach (string pair in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            (string name, string value) = Split(pair);
            SetPart(options, name.Trim(), value.Trim(), hasSecret: options.Secret is not null);
        }
    }

    private static (string Name, string Value) Split(string pair)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0) throw Invalid("A part of the connection string has no name", "name=value");
        return (pair[..equals], pair[(equals + 1)..]);
    }

    /// <summary>Sets the option that a part of the text names. If there is a secret, the part may be one of a secret that has a delimiter.</summary>
    private static void SetPart(KestrelKvClientOptions options, string name, string value, bool hasSecret)
    {
        try
        {
            Set(options, name, value);
        }
        catch (ArgumentException) when (hasSecret)
        {
            // Without the message, which has the name or the value.
            throw Invalid("A part of the connection string is not a valid option", "valid options, and a secret without delimiters or in the form of a URL with escapes");
        }
    }

    /// <summary>Sets the option with a name, in any case.</summary>
    public static void Set(KestrelKvClientOptions options, string name, string value)
    {
        switch (name.ToUpperInvariant())
        {
            case "HOST": options.Host = value; break;
            case "PORT": options.Port = Integer(name, value); break;
            case "USER": options.User = value; break;
            case "SECRET": options.Secret = value; break;
            case "TLS": options.Tls = Boolean(name, value); break;
            case "TLSAUTHORITY": options.TlsAuthority = value; break;
            case "TLSCERTIFICATE": options.TlsCertificate = value; break;
            case "TLSKEY": options.TlsKey = value; break;
            case "CONNECTTIMEOUT": options.ConnectTimeout = Time(name, value); break;
            case "TIMEOUT": options.Timeout = Time(name, value); break;
            case "STALLTIMEOUT": options.StallTimeout = Time(name, value); break;
            case "RECONNECTDELAYMAX": options.ReconnectDelayMax = Time(name, value); break;
            case "RETRYTIME": options.RetryTime = Time(name, value); break;
            case "PROGRESSINTERVAL": options.ProgressInterval = Time(name, value); break;
            case "FAILFAST": options.FailFast = Boolean(name, value); break;
            case "RETRY":
                options.Retry = Enum.TryParse(value, ignoreCase: true, out WriteRetry retry) && Enum.IsDefined(retry)
                    ? retry
                    : throw Invalid($"{name} is \"{value}\"", string.Join(", ", Enum.GetNames<WriteRetry>()));
                break;
            case "CALLSMAX": options.CallsMax = Integer(name, value); break;
            case "QUEUEDBYTESMAX": options.QueuedBytesMax = Long(name, value); break;
            case "REQUESTBYTESMAX": options.RequestBytesMax = Integer(name, value); break;
            case "REPLYBYTESMAX": options.ReplyBytesMax = Integer(name, value); break;
            case "KEYBYTESMAX": options.KeyBytesMax = Integer(name, value); break;
            default:
                throw Invalid($"\"{name}\" is not the name of an option", "a property of KestrelKvClientOptions, such as Host, Port, User, Secret, Tls, Timeout");
        }
    }

    private static int Integer(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw Invalid($"{name} is \"{value}\"", "an integer");

    private static long Long(string name, string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : throw Invalid($"{name} is \"{value}\"", "an integer");

    private static bool Boolean(string name, string value) =>
        bool.TryParse(value, out bool result) ? result : throw Invalid($"{name} is \"{value}\"", "true or false");

    private static TimeSpan Time(string name, string value)
    {
        if (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds <= TimeSpan.FromDays(1).TotalSeconds)
            return TimeSpan.FromSeconds(seconds);
        return TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out TimeSpan time)
            ? time
            : throw Invalid($"{name} is \"{value}\"", "a number of seconds, or a time such as 00:00:05");
    }

    private static ArgumentException Invalid(string problem, string expected) =>
        ArgumentError.Create($"{problem}, expected {expected}.", "connectionString");
}
