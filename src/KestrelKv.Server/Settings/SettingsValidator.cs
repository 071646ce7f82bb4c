using System.Globalization;
using System.Reflection;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Hosting;
using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Settings;

/// <summary>Checks each setting against its documented range.</summary>
internal static class SettingsValidator
{
    /// <summary>Adds an error for each setting that is out of range.</summary>
    public static void Validate(ServerSettings settings, SettingErrors errors)
    {
        Address("Wire:Address", settings.Wire.Address);
        Number("Wire:Port", settings.Wire.Port, 0, 65_535);
        Number("Wire:ConnectionsMax", settings.Wire.ConnectionsMax, 1, 1_000_000);
        Time("Wire:IdleTimeout", settings.Wire.IdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30), orZero: true);
        Time("Wire:WriteTimeout", settings.Wire.WriteTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Number("Wire:BatchRequestsMax", settings.Wire.BatchRequestsMax, 1, 4_096);
        Number("Wire:ReplyBytesMax", settings.Wire.ReplyBytesMax, 4_096, 16_777_216);
        Number("Wire:ReplyBytesTotalMax", settings.Wire.ReplyBytesTotalMax, WireOptions.BytesTotalMaxMin, long.MaxValue);
        Number("Wire:RequestBytesTotalMax", settings.Wire.RequestBytesTotalMax, WireOptions.BytesTotalMaxMin, long.MaxValue);
        Number("Wire:WatchesMax", settings.Wire.WatchesMax, 1, 10_000);
        Number("Wire:TlsPort", settings.Wire.TlsPort, 0, 65_535);
        Time("Wire:AuthTimeout", settings.Wire.AuthTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Number("Wire:UnauthenticatedMax", settings.Wire.UnauthenticatedMax, 1, 1_000_000);
        if (settings.Wire is { Plaintext: false, Tls.IsOn: false })
            Wrong("Wire:Plaintext", "false", "true, or Wire:Tls:Certificate, because no port would be open");
        if (settings.Wire is { Plaintext: true, Tls.IsOn: true, Port: > 0 } && settings.Wire.Port == settings.Wire.TlsPort)
            Wrong("Wire:TlsPort", settings.Wire.TlsPort, "another port than Wire:Port");
        Tls("Wire:Tls", settings.Wire.Tls);
        Address("Admin:Address", settings.Admin.Address);
        Tls("Admin:Tls", settings.Admin.Tls);
        if (settings.Admin.Oidc is { Authority.Length: > 0 } oidc)
        {
            if (settings.Security.UsersFile.Length == 0)
                Wrong("Security:UsersFile", "", "a users file with the roles of the provider's users, because Admin:Oidc:Authority is set");
            if (oidc.Audience.Length == 0) Wrong("Admin:Oidc:Audience", "", "the audience of the tokens, because Admin:Oidc:Authority is set");
            if (!Uri.TryCreate(oidc.Authority, UriKind.Absolute, out Uri? authority) || (oidc.RequireHttps && authority.Scheme != Uri.UriSchemeHttps))
                Wrong("Admin:Oidc:Authority", oidc.Authority, oidc.RequireHttps ? "an https URL" : "a URL");
        }
        Number("Admin:Port", settings.Admin.Port, 0, 65_535);
        if (!Array.TrueForAll(AllowedHosts.Names(settings.Admin.AllowedHosts), AllowedHosts.IsName))
            Wrong("Admin:AllowedHosts", settings.Admin.AllowedHosts, "host names without ports, separated by ;, or *");
        Number("Admin:WatchesMax", settings.Admin.WatchesMax, 1, 10_000);
        Number("Store:MemoryBytesMax", settings.Store.MemoryBytesMax, EmbeddedStoreOptions.MemoryBytesMaxMin, long.MaxValue, orZero: true);
        if (settings.Store is { Eviction: not EvictionPolicy.None, MemoryBytesMax: 0 })
        {
            Wrong("Store:MemoryBytesMax", 0, string.Create(CultureInfo.InvariantCulture,
                $"{EmbeddedStoreOptions.MemoryBytesMaxMin} or more, because Store:Eviction is {settings.Store.Eviction}"));
        }
        Time("Store:RequestIdWindow", settings.Store.RequestIdWindow, TimeSpan.FromSeconds(1), TimeSpan.FromDays(7));
        Number("Store:RequestIdBytesMax", settings.Store.RequestIdBytesMax, EmbeddedStoreOptions.RequestIdBytesMaxMin, long.MaxValue);
        Number("Store:FeedMemoryBytes", settings.Store.FeedMemoryBytes,
            EmbeddedStoreOptions.FeedMemoryBytesMin, EmbeddedStoreOptions.FeedMemoryBytesMax);
        Postgres(settings.Store.Postgres);
        Data(settings.Data);
        bool isPostgres = settings.Store.Engine == StoreEngine.Postgres;
        if (isPostgres) OnlyEmbedded(settings);
        Number("Limits:KeyBytesMax", settings.Limits.KeyBytesMax, 1, isPostgres ? PostgresStore.KeyBytesMax : Operation.KeyBytesMax);
        Number("Limits:FrameBytesMax", settings.Limits.FrameBytesMax,
            settings.Limits.KeyBytesMax + RequestLimits.FrameBytesAboveKeyMin,
            isPostgres ? PostgresStore.ValueBytesMax : Operation.ValueBytesMax);
        Number("Limits:ReadBytesMax", settings.Limits.ReadBytesMax, RequestLimits.ReadBytesMaxMin, Operation.ValueBytesMax);
        Number("Limits:JsonDepthMax", settings.Limits.JsonDepthMax, 512, 100_000);
        Time("StopTimeout", settings.StopTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(10));

        void Tls(string section, TlsOptions tls)
        {
            Time($"{section}:HandshakeTimeout", tls.HandshakeTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
            if (tls is { IsOn: false, Key.Length: > 0 } or { IsOn: false, ClientCertificates: not ClientCertificateMode.None })
                Wrong($"{section}:Certificate", "", "the path of a certificate, because other settings of TLS are set");
            if (tls is { ClientCertificates: not ClientCertificateMode.None, ClientAuthority.Length: 0 })
                Wrong($"{section}:ClientAuthority", "", "the path of root certificates, because ClientCertificates is not None");
        }

        void Data(DataOptions data)
        {
            if (string.IsNullOrWhiteSpace(data.Directory) && data.Durability != DurabilityMode.Memory)
                Wrong("Data:Directory", data.Directory, "a directory, or Data:Durability Memory");
            Number("Data:SegmentBytes", data.SegmentBytes, DataOptions.SegmentBytesMin, DataOptions.SegmentBytesMax);
            Number("Data:SnapshotLogBytes", data.SnapshotLogBytes, DataOptions.SnapshotLogBytesMin, long.MaxValue);
            Time("Data:SnapshotInterval", data.SnapshotInterval, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365), orZero: true);
            Number("Data:HistoryBytes", data.HistoryBytes, 0, long.MaxValue);
            Time("Data:HistoryTime", data.HistoryTime, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365), orZero: true);
        }

        void Postgres(PostgresStoreOptions postgres)
        {
            if (settings.Store.Engine == StoreEngine.Postgres && postgres.FindFault() is { } fault)
                errors.AddInvalid($"{ServerSettings.Section}:Store:Postgres:ConnectionString", fault);
            if (!PostgresStoreOptions.IsSchema(postgres.Schema))
                Wrong("Store:Postgres:Schema", postgres.Schema, PostgresStoreOptions.ExpectedSchema);
            Number("Store:Postgres:SessionsMax", postgres.SessionsMax, 4, 100);
            Time("Store:Postgres:ConnectTimeout", postgres.ConnectTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
            Time("Store:Postgres:RequestTimeout", postgres.RequestTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
            Time("Store:Postgres:ResolveTimeout", postgres.ResolveTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
            Time("Store:Postgres:FeedRetention", postgres.FeedRetention, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365));
        }

        void OnlyEmbedded(ServerSettings settings)
        {
            Unused("Store", settings.Store, new StoreSettings(), nameof(StoreSettings.MemoryBytesMax), nameof(StoreSettings.Eviction),
                nameof(StoreSettings.RequestIdBytesMax));

            // The image and the systemd unit set the directory.
            Unused("Data", settings.Data, new DataOptions(),
                [.. typeof(DataOptions).GetProperties().Select(property => property.Name).Except([nameof(DataOptions.Directory)])]);
        }

        // appsettings.json has all settings, so only a value that is not the default shows that somebody expects an effect.
        void Unused(string section, object options, object defaults, params string[] names)
        {
            foreach (string name in names)
            {
                PropertyInfo property = options.GetType().GetProperty(name)!;
                if (Equals(property.GetValue(options), property.GetValue(defaults))) continue;
                Wrong($"{section}:{name}", property.GetValue(options)!,
                    $"the default {property.GetValue(defaults)}, because it has no effect with Store:Engine = Postgres");
            }
        }

        void Number(string name, long value, long min, long max, bool orZero = false)
        {
            if ((value >= min && value <= max) || (orZero && value == 0)) return;
            string range = max == long.MaxValue ? "or more" : string.Create(CultureInfo.InvariantCulture, $"to {max}");
            Wrong(name, value, string.Create(CultureInfo.InvariantCulture, $"{min} {range}{OrZero(orZero)}"));
        }

        void Time(string name, TimeSpan value, TimeSpan min, TimeSpan max, bool orZero = false)
        {
            if ((value < min || value > max) && !(orZero && value == TimeSpan.Zero))
                Wrong(name, value, $"{min} to {max}{OrZero(orZero)}");
        }

        static string OrZero(bool orZero) => orZero ? ", or 0 to disable" : "";

        void Address(string name, string value)
        {
            if (!ListenAddress.TryParse(value, out _)) Wrong(name, value, "*, localhost or an IP address");
        }

        void Wrong(string name, object value, string expected) =>
            errors.Add($"{ServerSettings.Section}:{name}", value, expected);
    }
}
