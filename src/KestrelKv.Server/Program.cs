using KestrelKv.Server.Admin;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;

try
{
    CommandLine line = CommandLine.Parse(args);

    // Settings lie beside the program, wherever it is started from.
    var builder = WebApplication.CreateSlimBuilder(
        new WebApplicationOptions { Args = line.Settings, ContentRootPath = AppContext.BaseDirectory });
    ServerSettings settings = ServerSettings.Read(builder.Configuration);
    switch (line.Command)
    {
        case CommandLine.Help:
            await Console.Out.WriteLineAsync(CommandLine.Usage);
            return 0;
        case CommandLine.Health:
            return await HealthProbe.RunAsync(settings);
        case CommandLine.Restore or CommandLine.Salvage:
            await DataTool.RunAsync(line, settings);
            return 0;
    }

    builder.AddLogging(settings);
    builder.AddTelemetry();
    builder.AddHosting(settings);
    builder.AddStore(settings);
    builder.AddWire(settings);
    builder.AddAdmin(settings);

    WebApplication app = builder.Build();
    app.OpenStore();
    app.AnnounceWhenStarted();
    app.MapTelemetry();
    app.MapAdmin();
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (StartFailure.Explain(e) is { } explanation)
{
    // What the person who started the server can mend: say it without a stack trace.
    await Console.Error.WriteLineAsync($"kestrelkv: {explanation}");
    return 1;
}
