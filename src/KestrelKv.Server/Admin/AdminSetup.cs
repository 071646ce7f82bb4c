using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>Configures the services and routes of the admin HTTP.</summary>
internal static class AdminSetup
{
    /// <summary>The maximum length of a key byte in a URL: <c>%XX</c>.</summary>
    private const int PercentEncodedBytes = 3;

    public static void AddAdmin(this WebApplicationBuilder builder, ServerSettings settings)
    {
        IPAddress[] listenOn = ListenAddress.Parse(settings.Admin.Address);
        builder.Services.AddSingleton(settings.Admin);
        builder.Services.AddSingleton<IConnectionListenerFactory, AdminTransport>();
        var connections = new AdminConnections(settings.Admin);
        builder.Services.AddSingleton(connections);
        builder.Services.AddSingleton<RequestRunner>();
        builder.Services.AddSingleton<RequestBody>();
        builder.Services.AddSingleton<RequestMapper>();
        builder.Services.AddSingleton<HttpRunner>();
        builder.AddAuthentication(settings);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.FrameBytesMax;

            // A listing has up to three keys: prefix, after and until.
            kestrel.Limits.MaxRequestLineSize = Math.Max(8_192, 1_024 + 3 * PercentEncodedBytes * settings.Limits.KeyBytesMax);

            BoundAddresses addresses = kestrel.ApplicationServices.GetRequiredService<BoundAddresses>();
            foreach (IPAddress address in listenOn)
            {
                kestrel.Listen(address, settings.Admin.Port, listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(connections.Limit);
                    if (settings.Admin.Tls.IsOn) UseTls(listen, settings.Admin.Tls);
                    addresses.AddAdmin(listen);
                });
            }
        });

        // Must be registered before the framework's writer, which AddProblemDetails adds.
        builder.Services.AddSingleton<IProblemDetailsWriter, ProblemWriter>();
        builder.Services.AddProblemDetails();

        // The framework's host filter responds with an HTML page. AllowedHosts replaces it.
        builder.Services.AddHostFiltering(hosts => hosts.AllowedHosts = ["*"]);
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);
        builder.Services.AddSingleton<WireHealthCheck>();
        builder.Services.AddSingleton<RecentHealthCheck>();
        builder.Services.AddHealthChecks()
            .AddCheck<RecentHealthCheck>("wire", timeout: TimeSpan.FromSeconds(5))
            .AddCheck<StoreHealthCheck>("store");
        builder.Services.AddSwagger(settings.Admin, hasUsers: settings.Security.UsersFile.Length > 0);
    }

    private static void UseTls(ListenOptions listen, TlsOptions tls)
    {
        ServerCertificate certificate = listen.ApplicationServices.GetServices<ServerCertificate>().OfAdmin()!;
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => new(certificate.Current.Server),
            HandshakeTimeout = tls.HandshakeTimeout,
        });
        listen.Use(next => connection =>
        {
            X509Certificate2? client = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
            connection.Features.Set<ITlsFeature>(new TlsFeature(client));
            return next(connection);
        });
    }

    public static void MapAdmin(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<AdminOptions>();
        bool hasUsers = app.Services.GetRequiredService<RequestClients>().HasUsers;
        app.Use(HttpSpans.DescribeAsync);
        app.Use(ResponseHeaders.AddAsync);
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            StatusCodeSelector = static e => e switch
            {
                BadHttpRequestException bad => bad.StatusCode,
                _ => StatusCodes.Status500InternalServerError,
            },
            // Not logged: errors of the client, and disconnects.
            SuppressDiagnosticsCallback = static context => context.Exception
                is BadHttpRequestException or ConnectionResetException or OperationCanceledException,
        });
        app.UseStatusCodePages();
        app.Use(new AllowedHosts(options).CheckAsync);

        // The page is not an endpoint, and is open.
        app.MapSwaggerUI();
        if (hasUsers) app.UseAuthorization();

        // After the delay of failed authentications.
        app.Use(app.Services.GetRequiredService<AdminConnections>().TrackAsync);
        app.MapRead("/", () => Results.Redirect("/swagger")).ForAll().ExcludeFromDescription();
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).ForAll();
        app.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            ResponseWriter = hasUsers ? HealthReports.WriteStatusAsync : HealthReports.WriteAsync,
        }).ForAll();

        RouteGroupBuilder v1 = app.MapGroup("/v1").AddEndpointFilter(RequestTarget.Check);
        if (hasUsers)
        {
            v1.AddEndpointFilter(SameOrigin.Check);
            v1.Refuses(ErrorCode.AuthRequired, ErrorCode.AuthFailed, ErrorCode.Forbidden, ErrorCode.TlsRequired, ErrorCode.CrossOrigin);
        }
        v1.MapKeys();
        v1.MapBatch();
        v1.MapCall();
        v1.MapWatch(options);
        v1.MapStats();
        v1.MapData();
    }
}
