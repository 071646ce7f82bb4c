namespace KestrelKv.Client;

/// <summary>Checks the options of a client. A message names the option, its value and the valid range.</summary>
internal static class OptionsValidator
{
    /// <summary>The maximum time until the deadline of a call, if it has one.</summary>
    public static readonly TimeSpan TimeoutMax = TimeSpan.FromDays(1);

    public static void Validate(KestrelKvClientOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Host)) throw new ArgumentException("Host is empty, expected a name or an address.", nameof(options));
        Check(options.Port is null or (>= 1 and <= 65_535), nameof(options.Port), options.Port, "1 to 65535");
        if (options.User is null && (options.Secret is not null || options.SecretProvider is not null))
            throw new ArgumentException("A secret is set without User.", nameof(options));
        if (options.User is not null && options.Secret is null && options.SecretProvider is null)
            throw new ArgumentException("User is set without Secret or SecretProvider.", nameof(options));
        if (!options.Tls && (options.TlsAuthority is not null || options.TlsCertificate is not null || options.TlsKey is not null || options.ConfigureTls is not null))
            throw new ArgumentException("An option for TLS is set, but Tls is false.", nameof(options));
        CheckTime(options.ConnectTimeout, nameof(options.ConnectTimeout), TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1));
        if (options.Timeout != Timeout.InfiniteTimeSpan)
            CheckTime(options.Timeout, nameof(options.Timeout), TimeSpan.FromMilliseconds(1), TimeoutMax);
        CheckTime(options.StallTimeout, nameof(options.StallTimeout), TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        CheckTime(options.ReconnectDelayMax, nameof(options.ReconnectDelayMax), TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));
        CheckTime(options.RetryTime, nameof(options.RetryTime), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(4));
        CheckTime(options.ProgressInterval, nameof(options.ProgressInterval), TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        Check(Enum.IsDefined(options.Retry), nameof(options.Retry), options.Retry, string.Join(", ", Enum.GetNames<WriteRetry>()));
        Check(options.CallsMax is >= 1 and <= 1_000_000, nameof(options.CallsMax), options.CallsMax, "1 to 1,000,000");
        Check(options.QueuedBytesMax >= 1, nameof(options.QueuedBytesMax), options.QueuedBytesMax, "at least 1");
        Check(options.RequestBytesMax is >= 1_024 and <= 1_073_741_824, nameof(options.RequestBytesMax), options.RequestBytesMax, "1,024 to 1,073,741,824");
        Check(options.ReplyBytesMax is >= 1_024 and <= 2_000_000_000, nameof(options.ReplyBytesMax), options.ReplyBytesMax, "1,024 to 2,000,000,000");
        Check(options.KeyBytesMax is >= 1 and <= 65_536, nameof(options.KeyBytesMax), options.KeyBytesMax, "1 to 65,536");
        ArgumentNullException.ThrowIfNull(options.Time);
    }

    private static void CheckTime(TimeSpan value, string option, TimeSpan min, TimeSpan max) =>
        Check(value >= min && value <= max, option, value, $"{min} to {max}");

    private static void Check(bool isValid, string option, object? value, string expected)
    {
        if (!isValid) throw ArgumentError.Create($"{option} is {value}, expected {expected}.", "options");
    }
}
