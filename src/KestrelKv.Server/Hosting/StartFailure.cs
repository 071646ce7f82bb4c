using System.Net.Sockets;
using KestrelKv.Server.Settings;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Hosting;

/// <summary>Failures to start that the person who starts the server can mend.</summary>
internal static class StartFailure
{
    /// <summary>What to tell that person; null where the failure is none of these.</summary>
    public static string? Explain(Exception e) => e switch
    {
        SettingsException or DataException => e.Message,
        UsageException => $"{e.Message}{Environment.NewLine}{Environment.NewLine}{CommandLine.Usage}",

        // Kestrel wraps these; its messages name the address.
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => $"{e.Message} Is another server running?",
        SocketException { SocketErrorCode: SocketError.AccessDenied or SocketError.AddressNotAvailable } =>
            $"can't listen: {e.Message} (KestrelKv:Wire:Address and Port, KestrelKv:Admin:Address and Port)",

        // A broken appsettings.json.
        InvalidDataException { InnerException: FormatException inner } => $"{e.Message} {inner.Message}",
        _ => null,
    };
}
