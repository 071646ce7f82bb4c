# syntax=docker/dockerfile:1

# Cross-compiles on the build platform for the target architecture.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source

# Package references change less often than the sources, so this layer stays cached. The lock files pin the contents of the packages.
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/Directory.Build.targets src/
COPY src/KestrelKv.Json/KestrelKv.Json.csproj src/KestrelKv.Json/packages.lock.json src/KestrelKv.Json/
COPY src/KestrelKv.Protocol/KestrelKv.Protocol.csproj src/KestrelKv.Protocol/packages.lock.json src/KestrelKv.Protocol/
COPY src/KestrelKv.Storage/KestrelKv.Storage.csproj src/KestrelKv.Storage/packages.lock.json src/KestrelKv.Storage/
COPY src/KestrelKv.Storage.Postgres/KestrelKv.Storage.Postgres.csproj src/KestrelKv.Storage.Postgres/packages.lock.json src/KestrelKv.Storage.Postgres/
COPY src/KestrelKv.Wire/KestrelKv.Wire.csproj src/KestrelKv.Wire/packages.lock.json src/KestrelKv.Wire/
COPY src/KestrelKv.Transport/KestrelKv.Transport.csproj src/KestrelKv.Transport/packages.lock.json src/KestrelKv.Transport/
COPY src/KestrelKv.Client/KestrelKv.Client.csproj src/KestrelKv.Client/packages.lock.json src/KestrelKv.Client/
COPY src/KestrelKv.Cli/KestrelKv.Cli.csproj src/KestrelKv.Cli/packages.lock.json src/KestrelKv.Cli/
COPY src/KestrelKv.Server/KestrelKv.Server.csproj src/KestrelKv.Server/packages.lock.json src/KestrelKv.Server/
RUN dotnet restore src/KestrelKv.Server -a $TARGETARCH -p:PublishReadyToRun=true
RUN dotnet restore src/KestrelKv.Cli -a $TARGETARCH -p:PublishReadyToRun=true

COPY appsettings.json ./
COPY src/ src/
RUN dotnet publish src/KestrelKv.Server -a $TARGETARCH -c Release --no-restore --self-contained false -p:PublishReadyToRun=true -o out
# The command line, as one file beside the server.
RUN dotnet publish src/KestrelKv.Cli -a $TARGETARCH -c Release --no-restore --self-contained false -p:PublishReadyToRun=true -p:PublishSingleFile=true -o out

# The last stage has no shell to create the data directory.
RUN mkdir data

# A chiseled image has neither a shell nor a package manager. It has no ICU, which the server does not use (InvariantGlobalization).
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /source/out ./

# The image's unprivileged user owns the data directory. A new volume copies its owner.
COPY --from=build --chown=$APP_UID:$APP_UID /source/data /data
VOLUME /data
USER $APP_UID

# Clients outside the container cannot reach its localhost. ASPNETCORE_HTTP_PORTS of the base image is for programs without a port setting.
ENV KestrelKv__Admin__Address=* \
    KestrelKv__Data__Directory=/data \
    ASPNETCORE_HTTP_PORTS=
# 4445 is the wire over TLS. It is open only with a certificate.
EXPOSE 4444 4445 8080

# The image contains no HTTP client except the program. The start period allows for a long recovery.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10m --retries=3 CMD ["./KestrelKv.Server", "health"]
ENTRYPOINT ["./KestrelKv.Server"]
