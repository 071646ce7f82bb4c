using System.Runtime.InteropServices;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;

// Closed terminals and some log rotations send SIGHUP, which would end the process without a clean stop.
using IDisposable hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static signal => signal.Cancel = true);
try
{
    CommandLine line = CommandLine.Parse(args);
    switch (line.Command)
    {
        case CommandLine.Help:
            await Console.Out.WriteLineAsync(CommandLine.Usage);
            return 0;
        case CommandLine.Version:
            await Console.Out.WriteLineAsync(Announcement.FullVersion);
            return 0;
    }

    WebApplicationBuilder builder = HostSetup.CreateBuilder(line);
    ServerSettings settings = ServerSettings.Read(builder.Configuration);
    switch (line.Command)
    {
        case CommandLine.Health:
            return await HealthProbe.RunAsync(settings);
        case CommandLine.Restore or CommandLine.Salvage:
            await DataTool.RunAsync(line, settings);
            return 0;
        case CommandLine.User:
            await UserCommands.RunAsync(line.Arguments, settings, TimeProvider.System.GetUtcNow());
            return 0;
    }

    string? shortage = OpenFiles.Fit(settings, OpenFiles.ReadLimit());
    builder.AddLogging(settings);
    builder.AddTelemetry();
    builder.AddHosting(settings);
    builder.AddStore(settings);
    builder.AddSecurity(settings);
    builder.AddTls(settings);
    builder.AddWire(settings);
    builder.AddAdmin(settings);

    // Disposal writes the last log lines.
    await using WebApplication app = builder.Build();
    app.OpenUsers();
    await app.OpenStoreAsync();
    app.AnnounceWhenStarted(shortage);
    app.EndWhenStopIsLate(settings);
    app.MapTelemetry();
    app.MapAdmin();
    await app.RunAsync();
    return 0;
}
catch (Exception e)
{
    // The user can correct most of these failures. A stack trace would not help.
    await Console.Error.WriteLineAsync($"kestrelkv: {StartFailure.Explain(e)}");
    return 1;
}
